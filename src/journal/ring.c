#include "journal/ring.h"
#include <errno.h>

/* The lock is given back after so many records: readers wait for it. */
enum { RING_STEP = 64, RING_CAPACITY_MIN = 256 };

static size_t slot_cost(const struct shared *bytes)
{
    return bytes->len + sizeof(struct shared) + sizeof(struct ring_slot) + 16;
}

static struct ring_slot *slot_at(const struct ring *ring, uint64_t number)
{
    return &ring->slots[number & (ring->capacity - 1)];
}

int ring_init(struct ring *ring, size_t bytes_max, struct position floor)
{
    *ring = (struct ring){.bytes_max = bytes_max, .first = 1, .floor = floor, .newest = floor};
    atomic_init(&ring->end, 1);
    return -pthread_mutex_init(&ring->lock, NULL);
}

void ring_release(struct ring *ring)
{
    ring_clear(ring, ring->floor);
    free(ring->slots);
    pthread_mutex_destroy(&ring->lock);
}

/* With the lock held. Takes the oldest record out; the caller gets its reference. */
static struct shared *pop(struct ring *ring)
{
    struct ring_slot *slot = slot_at(ring, ring->first++);
    ring->floor = slot->position;
    ring->bytes -= slot_cost(slot->bytes);
    return slot->bytes;
}

/* With the lock held. */
static bool is_empty(const struct ring *ring)
{
    return ring->first == ring->end;
}

static bool over_budget(const struct ring *ring, struct position unused)
{
    return ring->bytes > ring->bytes_max;
}

static bool not_after(const struct ring *ring, struct position limit)
{
    return position_compare(slot_at(ring, ring->first)->position, limit) <= 0;
}

static bool always(const struct ring *ring, struct position unused)
{
    return true;
}

/* Pops as long as SURPLUS says so. Memory is given back outside the lock. */
static void pop_while(struct ring *ring, bool (*surplus)(const struct ring *, struct position),
                      struct position limit)
{
    struct shared *popped[RING_STEP];
    size_t count;
    do {
        count = 0;
        pthread_mutex_lock(&ring->lock);
        while (count < RING_STEP && !is_empty(ring) && surplus(ring, limit))
            popped[count++] = pop(ring);
        pthread_mutex_unlock(&ring->lock);
        for (size_t i = 0; i < count; i++)
            shared_unref(popped[i]);
    } while (count == RING_STEP);
}

/* With the lock held. */
static int grow(struct ring *ring)
{
    size_t capacity = ring->capacity ? ring->capacity * 2 : RING_CAPACITY_MIN;
    struct ring_slot *slots = reallocarray(NULL, capacity, sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    for (uint64_t number = ring->first; number < ring->end; number++)
        slots[number & (capacity - 1)] = *slot_at(ring, number);
    free(ring->slots);
    ring->slots = slots;
    ring->capacity = capacity;
    return 0;
}

/* With the lock held. */
static void push_one(struct ring *ring, const struct record *record)
{
    uint64_t end = ring->end;
    ring->newest = record->position;
    bool is_full = end - ring->first == ring->capacity;
    if (is_full && grow(ring) != 0) {
        if (ring->capacity == 0) {
            ring->floor = record->position;
            return;
        }
        shared_unref(pop(ring));
    }
    *slot_at(ring, end) =
        (struct ring_slot){.position = record->position, .bytes = shared_ref(record->bytes)};
    ring->bytes += slot_cost(record->bytes);
    atomic_store_explicit(&ring->end, end + 1, memory_order_release);
}

/* Those of the first COUNT records that are news. */
static bool push_step(struct ring *ring, const struct record *records, size_t count)
{
    size_t i = 0;
    pthread_mutex_lock(&ring->lock);
    if (position_compare(records[count - 1].position, ring->newest) <= 0)
        i = count;
    while (i < count && position_compare(records[i].position, ring->newest) <= 0)
        i++;
    bool any = i < count;
    for (; i < count; i++)
        push_one(ring, &records[i]);
    pthread_mutex_unlock(&ring->lock);
    return any;
}

bool ring_push(struct ring *ring, const struct record *records, size_t count)
{
    bool any = false;
    while (count > 0) {
        size_t step = count < RING_STEP ? count : RING_STEP;
        any |= push_step(ring, records, step);
        pop_while(ring, over_budget, (struct position){0});
        records += step;
        count -= step;
    }
    return any;
}

struct position ring_floor(struct ring *ring)
{
    pthread_mutex_lock(&ring->lock);
    struct position floor = ring->floor;
    pthread_mutex_unlock(&ring->lock);
    return floor;
}

void ring_drop(struct ring *ring, struct position position)
{
    pop_while(ring, not_after, position);
    pthread_mutex_lock(&ring->lock);
    if (position_compare(ring->floor, position) < 0)
        ring->floor = position;
    pthread_mutex_unlock(&ring->lock);
}

void ring_clear(struct ring *ring, struct position floor)
{
    pop_while(ring, always, (struct position){0});
    pthread_mutex_lock(&ring->lock);
    ring->floor = floor;
    ring->newest = floor;
    pthread_mutex_unlock(&ring->lock);
}

/* With the lock held. The number of the first record after AFTER, or the end. */
static uint64_t search(const struct ring *ring, struct position after)
{
    uint64_t low = ring->first;
    uint64_t high = ring->end;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (position_compare(slot_at(ring, middle)->position, after) <= 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

enum ring_answer ring_read(struct ring *ring, struct position after, uint64_t *number,
                           struct ring_slot *ret_slot)
{
    if (*number != 0 && *number == atomic_load_explicit(&ring->end, memory_order_acquire))
        return RING_AT_END;
    enum ring_answer answer = RING_TOO_OLD;
    pthread_mutex_lock(&ring->lock);
    if (*number < ring->first)
        *number = position_compare(after, ring->floor) >= 0 ? search(ring, after) : 0;
    if (*number == ring->end) {
        answer = RING_AT_END;
        /* Who waits for a position that is yet to come must not get what comes before it. */
        if (position_compare(after, ring->newest) > 0)
            *number = 0;
    } else if (*number != 0) {
        *ret_slot = *slot_at(ring, *number);
        shared_ref(ret_slot->bytes);
        ++*number;
        answer = RING_RECORD;
    }
    pthread_mutex_unlock(&ring->lock);
    return answer;
}

size_t ring_read_ahead(struct ring *ring, uint64_t *number, struct ring_slot *slots, size_t max)
{
    size_t count = 0, bytes = 0;
    if (*number == atomic_load_explicit(&ring->end, memory_order_acquire))
        return 0;
    pthread_mutex_lock(&ring->lock);
    while (count < max && *number >= ring->first && *number < ring->end) {
        const struct ring_slot *slot = slot_at(ring, *number);
        bytes += slot->bytes->len;
        if (bytes > RING_AHEAD_BYTES)
            break;
        shared_ref(slot->bytes);
        slots[count++] = *slot;
        ++*number;
    }
    pthread_mutex_unlock(&ring->lock);
    return count;
}
