/*
 * Classifies the pictures in a file: rows of pixels of channels, a byte each, 0 to 255, one picture
 * behind the other. The rows are read as the model asks for them, so no picture is ever in RAM.
 * Prints of each its class, all classes' shares of 256, and the ticks that it took; then the RAM.
 */
#include "semihosting.h"
#include "spotimes_model.h"

#define SYSTICK_CONTROL (*(volatile uint32_t *)0xE000E010)
#define SYSTICK_RELOAD (*(volatile uint32_t *)0xE000E014)
#define SYSTICK_VALUE (*(volatile uint32_t *)0xE000E018)
#define MOST_TICKS 0xFFFFFFu

extern uint32_t data_begin[], bss_end[];
uint32_t stack_bytes_used(void);

struct picture {
    int32_t file;
    int32_t is_complete;
    uint32_t reading; /* ticks */
};

static uint32_t ticks_since(uint32_t begin)
{
    return (begin - SYSTICK_VALUE) & MOST_TICKS; /* it counts down */
}

static void read_row(void *context, int32_t y, int8_t row[SPOTIMES_ROW_SIZE])
{
    struct picture *picture = context;
    const uint32_t begin = SYSTICK_VALUE;
    int32_t index;
    (void)y;
    if (read_file(picture->file, row, SPOTIMES_ROW_SIZE) != 0) {
        picture->is_complete = 0;
    }
    for (index = 0; index < SPOTIMES_ROW_SIZE; ++index) {
        row[index] = (int8_t)((uint8_t)row[index] ^ 0x80);
    }
    picture->reading += ticks_since(begin);
}

int main(void)
{
    static int8_t output[SPOTIMES_CLASSES];
    const int32_t file = open_argument();
    int32_t pictures = 0;
    SYSTICK_RELOAD = MOST_TICKS;
    SYSTICK_VALUE = 0;
    SYSTICK_CONTROL = 5; /* on, by the processor's clock */
    if (file < 0) {
        print("no picture: name a file that exists on the command line\n");
        end_program(0);
    }
    for (;;) {
        struct picture picture = {file, 1, 0};
        const uint32_t begin = SYSTICK_VALUE;
        uint32_t ticks;
        int32_t index, best = 0;
        spotimes_infer_rows(read_row, &picture, output);
        ticks = ticks_since(begin) - picture.reading;
        if (!picture.is_complete) {
            break;
        }
        ++pictures;
        for (index = 1; index < SPOTIMES_CLASSES; ++index) {
            best = output[index] > output[best] ? index : best;
        }
        print(spotimes_labels[best]);
        print(":");
        for (index = 0; index < SPOTIMES_CLASSES; ++index) {
            print(" ");
            print_number(output[index] + 128);
        }
        print(", ");
        print_number((int32_t)ticks);
        print(" ticks\n");
    }
    if (pictures == 0) {
        print("no picture: the file is shorter than one, which takes ");
        print_number(SPOTIMES_INPUT_SIZE);
        print(" bytes\n");
        end_program(0);
    }
    print("data ");
    print_number((int32_t)((uintptr_t)bss_end - (uintptr_t)data_begin));
    print(", stack ");
    print_number((int32_t)stack_bytes_used());
    print(" bytes\n");
    end_program(1);
    return 0;
}
