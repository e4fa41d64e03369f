/* developer.arm.com/documentation/100863: Semihosting for AArch32 and AArch64. */
#include "semihosting.h"

#include <string.h>

enum { SYS_OPEN = 0x01, SYS_WRITE0 = 0x04, SYS_READ = 0x06, SYS_GET_CMDLINE = 0x15, SYS_EXIT = 0x18 };
enum { STOPPED_BY_APPLICATION = 0x20026, STOPPED_BY_ERROR = 0x20023 };
enum { READ_BINARY = 1, MOST_NAME = 128 };

static int32_t call(int32_t operation, const void *parameters)
{
    register int32_t r0 __asm__("r0") = operation;
    register const void *r1 __asm__("r1") = parameters;
    __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
    return r0;
}

void print(const char *text)
{
    call(SYS_WRITE0, text);
}

void print_number(int32_t number)
{
    char text[12];
    char *digit = text + sizeof text - 1;
    uint32_t rest = number < 0 ? 0u - (uint32_t)number : (uint32_t)number;
    *digit = '\0';
    do {
        *--digit = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    if (number < 0) {
        *--digit = '-';
    }
    print(digit);
}

int32_t open_argument(void)
{
    static char name[MOST_NAME];
    struct {
        char *text;
        int32_t bytes;
    } line = {name, MOST_NAME};
    struct {
        const char *name;
        int32_t mode;
        int32_t length;
    } file = {name, READ_BINARY, 0};
    if (call(SYS_GET_CMDLINE, &line) != 0) {
        return -1;
    }
    file.length = (int32_t)strlen(name);
    return call(SYS_OPEN, &file);
}

int32_t read_file(int32_t handle, void *bytes, int32_t count)
{
    struct {
        int32_t handle;
        void *bytes;
        int32_t count;
    } block = {handle, bytes, count};
    return call(SYS_READ, &block);
}

void end_program(int32_t succeeded)
{
    const int32_t reason = succeeded ? STOPPED_BY_APPLICATION : STOPPED_BY_ERROR;
    call(SYS_EXIT, (const void *)(intptr_t)reason);
}
