# BBC micro:bit: nRF51822, Cortex-M0 at 16 MHz, 256 KB of flash, 16 KB of RAM.
CPU := -mcpu=cortex-m0 -DTICKS_PER_SECOND=16000000
MACHINE := microbit
