# STM32VLDISCOVERY: STM32F100RB, Cortex-M3 at 24 MHz, 128 KB of flash, 8 KB of RAM.
CPU := -mcpu=cortex-m3 -DTICKS_PER_SECOND=24000000
MACHINE := stm32vldiscovery
