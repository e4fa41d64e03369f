/* Files and text by way of the debugger, or of QEMU: Arm's semihosting. */
#ifndef SEMIHOSTING_H
#define SEMIHOSTING_H

#include <stdint.h>

void print(const char *text);
void print_number(int32_t number);

/* Opens the file that the command line names; a negative handle if there is none. */
int32_t open_argument(void);

/* Reads so many bytes, and returns how many are missing. */
int32_t read_file(int32_t handle, void *bytes, int32_t count);

/* Ends the program; the emulator exits with 0 if it succeeded, else with 1. */
void end_program(int32_t succeeded);

#endif
