/* What runs before main: memory is made as C expects it, and the stack painted to measure it. */
#include <stdint.h>

#define PAINT 0xA5A5A5A5u

extern uint32_t data_source[], data_begin[], data_end[], bss_begin[], bss_end[], stack_end[];

int main(void);
uint32_t stack_bytes_used(void);

void reset(void)
{
    const uint32_t *source = data_source;
    uint32_t *word;
    uint32_t *const here = (uint32_t *)__builtin_frame_address(0) - 16;
    for (word = data_begin; word < data_end; ++word) {
        *word = *source++;
    }
    for (word = bss_begin; word < bss_end; ++word) {
        *word = 0;
    }
    for (word = bss_end; word < here; ++word) {
        *word = PAINT;
    }
    main();
    for (;;) {
    }
}

/* How far the stack has ever reached, in bytes. */
uint32_t stack_bytes_used(void)
{
    const uint32_t *word = bss_end;
    while (*word == PAINT) {
        ++word;
    }
    return (uint32_t)((uintptr_t)stack_end - (uintptr_t)word);
}

static void stop(void)
{
    for (;;) {
    }
}

__attribute__((section(".vectors"), used)) static void *const vectors[16] = {
    stack_end, (void *)reset, (void *)stop, (void *)stop, /* reset, NMI, hard fault */
};
