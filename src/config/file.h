/* config/file.h - a small file, read whole: the configuration and the queries it names. */
#ifndef CONFIG_FILE_H
#define CONFIG_FILE_H

#include "base/error.h"
#include <stddef.h>

#define CONFIG_FILE_MAX (1u << 20)

/* The whole of FILE, at most MAX bytes, with a NUL behind. 0 or a negative errno with its cause. */
int file_read(char **ret_text, size_t *ret_len, const char *file, size_t max, struct error *err);

#endif
