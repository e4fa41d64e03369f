# Arm MPS2 with AN500: Cortex-M7 at 25 MHz, whose DSP instructions DSP=1 takes.
CPU := -mcpu=cortex-m7 -mfloat-abi=soft -DTICKS_PER_SECOND=25000000 $(if $(DSP),-DSPOTIMES_DSP)
MACHINE := mps2-an500
