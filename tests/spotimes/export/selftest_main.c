#include "spotimes_selftest.h"

int main(void)
{
    return spotimes_selftest();
}
