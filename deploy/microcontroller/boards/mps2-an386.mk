# Arm MPS2 with AN386: Cortex-M4 at 25 MHz, whose DSP instructions DSP=1 takes.
CPU := -mcpu=cortex-m4 -mfloat-abi=soft -DTICKS_PER_SECOND=25000000 $(if $(DSP),-DSPOTIMES_DSP)
MACHINE := mps2-an386
