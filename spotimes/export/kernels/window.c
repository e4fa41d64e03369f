/* Which pixels of its input an output pixel is made of. */
struct window {
    int32_t in_height, in_width, channels;
    int32_t out_width;
    int32_t height, width;      /* of the kernel */
    int32_t stride_y, stride_x; /* from one output pixel to the next */
    int32_t top, left;          /* padding before the first row and column */
    int8_t zero;                /* the input's zero point, which padding consists of */
};
