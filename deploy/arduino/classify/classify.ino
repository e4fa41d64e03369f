// Classifies pictures that arrive over the serial line, a byte a value, row by row, and answers each
// with its class. The model goes beside this file:
//
//   python -m spotimes.export models/model_int8.tflite deploy/arduino/classify
#include "spotimes_model.h"

static int8_t output[SPOTIMES_CLASSES];

static void read_row(void *, int32_t, int8_t row[SPOTIMES_ROW_SIZE])
{
    for (int32_t index = 0; index < SPOTIMES_ROW_SIZE; ++index) {
        while (!Serial.available()) {
        }
        row[index] = static_cast<int8_t>(Serial.read() ^ 0x80);
    }
}

void setup()
{
    Serial.begin(115200);
}

void loop()
{
    spotimes_infer_rows(read_row, nullptr, output);
    int best = 0;
    for (int index = 1; index < SPOTIMES_CLASSES; ++index) {
        if (output[index] > output[best]) {
            best = index;
        }
    }
    Serial.print(spotimes_labels[best]);
    Serial.print(" ");
    Serial.println((output[best] + 128) / 256.0);
}
