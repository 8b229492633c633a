#include "journal/resident.h"
#include <inttypes.h>
#include <stdint.h>
#include <sys/mman.h>

/* How much may be mapped before it is let go. A read of any size may also map the 64 KiB around its
 * first and last page (the kernel's fault-around), and the pages of the tree above. */
enum { RESIDENT_MAX = 4 << 20, READ_OVERHEAD = 128 << 10 };

void resident_init(struct resident *resident, const void *address)
{
    resident->start = NULL;
    resident->len = 0;
    atomic_init(&resident->touched, 0);
    /* LMDB does not tell where its mapping is, the kernel does. */
    FILE *maps = fopen("/proc/self/maps", "re");
    if (!maps)
        return;
    char *line = NULL;
    size_t size = 0;
    while (!resident->start && getline(&line, &size, maps) > 0) {
        uintptr_t start;
        uintptr_t end;
        if (sscanf(line, "%" SCNxPTR "-%" SCNxPTR " ", &start, &end) != 2)
            continue;
        if ((uintptr_t)address < start || (uintptr_t)address >= end)
            continue;
        resident->start = (void *)start;
        resident->len = end - start;
    }
    free(line);
    fclose(maps);
}

void resident_touched(struct resident *resident, size_t bytes)
{
    if (!resident->start)
        return;
    bytes += READ_OVERHEAD;
    size_t before = atomic_fetch_add_explicit(&resident->touched, bytes, memory_order_relaxed);
    if (before + bytes < RESIDENT_MAX)
        return;
    atomic_store_explicit(&resident->touched, 0, memory_order_relaxed);
    /* A shared mapping of a file: the next access finds the same bytes in the kernel's cache. */
    madvise(resident->start, resident->len, MADV_DONTNEED);
}
