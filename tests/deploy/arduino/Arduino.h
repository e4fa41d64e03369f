// What the sketch needs of Arduino.h, with the serial line on standard input and output.
#ifndef ARDUINO_H
#define ARDUINO_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct SerialLine {
    void begin(unsigned long) {}

    // The program ends where its input does; that is only asked between two pictures.
    int available()
    {
        const int next = getchar();
        if (next == EOF) {
            exit(0);
        }
        ungetc(next, stdin);
        return 1;
    }

    int read() { return getchar(); }
    void print(const char *text) { fputs(text, stdout); }
    void println(double number) { printf("%.2f\n", number); }
};

static SerialLine Serial;

#endif
