/*
 * Devices that are host memory: allocations that are checked, streams that are queues with a thread each, graphs that are
 * lists. All state is under one lock; whoever waits is woken by every change.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { HOST = -1, NONE = -2 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static _Thread_local int current = NONE;

static char report[1 << 14];
static size_t length;

/* What must never happen, for the test that asks; only the first ones matter. */
static int wrong(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    int n = vsnprintf(report + length, sizeof report - length, format, arguments);
    va_end(arguments);
    if (n > 0 && length + n + 2 < sizeof report) {
        length += n;
        report[length++] = '\n';
        report[length] = '\0';
    }
    return 5; /* invalid usage */
}

/* --- memory --- */
struct block { char *start; size_t bytes; int device; struct block *next; };
static struct block *blocks;

void *standin_allocate(int device, size_t bytes) {
    struct block *b = malloc(sizeof *b);
    *b = (struct block){aligned_alloc(256, (bytes + 511) / 256 * 256), bytes, device, NULL};
    memset(b->start, 0xff, bytes);
    pthread_mutex_lock(&lock);
    b->next = blocks;
    blocks = b;
    pthread_mutex_unlock(&lock);
    return b->start;
}

void standin_free(void *start) {
    pthread_mutex_lock(&lock);
    struct block **place = &blocks;
    while (*place && (*place)->start != start) place = &(*place)->next;
    struct block *b = *place;
    if (b) *place = b->next;
    else wrong("memory is freed that was not allocated");
    pthread_mutex_unlock(&lock);
    if (b) {
        memset(b->start, 0xee, b->bytes);
        free(b->start);
        free(b);
    }
}

/* Whether bytes lie in one allocation of a device. */
static int lies(const void *start, size_t bytes, int device, const char *what) {
    for (struct block *b = blocks; b; b = b->next)
        if ((char *)start >= b->start && (char *)start + bytes <= b->start + b->bytes) {
            if (b->device == device) return 1;
            wrong("%s: memory of device %d, expected %d", what, b->device, device);
            return 0;
        }
#ifdef ONECCL
    /* Memory of the host is anybody's. */
    if (device == HOST) return 1;
#endif
    wrong("%s: %zu bytes that are in no allocation", what, bytes);
    return 0;
}

/* --- streams --- */
struct op {
    void (*run)(struct op *);
    void *a, *b;             /* run's own */
    size_t bytes, count;
    int places;
    struct op *next;
};

struct stream { int device, capturing, running, ended; struct op *first, *last, *captured, *captured_last; pthread_t thread; };
struct graph { struct stream *stream; struct op *first; };

/* Work that is replayed must not be freed by its first run: every run gets a copy. */
static struct op *copy_of(const struct op *op) {
    struct op *copy = malloc(sizeof *copy);
    *copy = *op;
    copy->next = NULL;
    return copy;
}

static void append(struct op **first, struct op **last, struct op *op) {
    if (*last) (*last)->next = op;
    else *first = op;
    *last = op;
    pthread_cond_broadcast(&changed);
}

static void push(struct stream *s, struct op op) {
    if (s->device != current) wrong("device %d is current where stream of device %d is used", current, s->device);
    if (s->ended) wrong("a stream is used after its end");
    if (s->capturing) append(&s->captured, &s->captured_last, copy_of(&op));
    else append(&s->first, &s->last, copy_of(&op));
}

static void *work(void *argument) {
    struct stream *s = argument;
    pthread_mutex_lock(&lock);
    for (;;) {
        while (!s->first && !s->ended) pthread_cond_wait(&changed, &lock);
        if (!s->first) break;
        struct op *op = s->first;
        s->first = op->next;
        if (!s->first) s->last = NULL;
        s->running = 1;
        op->run(op); /* under the lock; what waits gives it up */
        free(op);
        s->running = 0;
        pthread_cond_broadcast(&changed);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

void standin_enter(int device) { current = device; }

void *standin_stream(int device) {
    struct stream *s = calloc(1, sizeof *s);
    s->device = device;
    pthread_create(&s->thread, NULL, work, s);
    return s;
}

void standin_stream_end(struct stream *s) {
    pthread_mutex_lock(&lock);
    s->ended = 1;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    pthread_join(s->thread, NULL);
}

void standin_wait(struct stream *s) {
    pthread_mutex_lock(&lock);
    if (s->capturing) wrong("a stream is waited for while it captures");
    while (s->first || s->running) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

void standin_capture(struct stream *s) {
    pthread_mutex_lock(&lock);
    if (s->capturing) wrong("a stream captures already");
    s->capturing = 1;
    s->captured = s->captured_last = NULL;
    pthread_mutex_unlock(&lock);
}

void *standin_captured(struct stream *s) {
    struct graph *g = malloc(sizeof *g);
    pthread_mutex_lock(&lock);
    *g = (struct graph){s, s->captured};
    s->capturing = 0;
    pthread_mutex_unlock(&lock);
    return g;
}

void standin_launch(struct graph *g) {
    pthread_mutex_lock(&lock);
    for (struct op *op = g->first; op; op = op->next) push(g->stream, *op);
    pthread_mutex_unlock(&lock);
}

/* --- work of a device --- */
static void run_copy(struct op *op) {
    memmove(op->b, op->a, op->bytes);
}

void standin_copy(struct stream *s, void *from, int from_device, void *to, int to_device, size_t bytes) {
    pthread_mutex_lock(&lock);
    if (lies(from, bytes, from_device, "the source of a copy") && lies(to, bytes, to_device, "the target of a copy")) {
        if ((char *)from < (char *)to + bytes && (char *)to < (char *)from + bytes) wrong("a copy overlaps itself");
        push(s, (struct op){run_copy, from, to, bytes, 0, 0, NULL});
    }
    pthread_mutex_unlock(&lock);
}

static void run_sum(struct op *op) {
    float *parts = op->a, *target = op->b;
    for (size_t i = 0; i < op->count; i++) {
        float sum = parts[i];
        for (int p = 1; p < op->places; p++) sum += parts[p * op->count + i];
        target[i] = sum;
    }
}

void standin_sum(struct stream *s, void *parts, void *target, int places, size_t count) {
    pthread_mutex_lock(&lock);
    if (lies(parts, places * count * 4, s->device, "the parts of a sum") && lies(target, count * 4, s->device, "the target of a sum"))
        push(s, (struct op){run_sum, parts, target, 0, count, places, NULL});
    pthread_mutex_unlock(&lock);
}

static void run_count(struct op *op) { __atomic_fetch_add((int *)op->a, 1, __ATOMIC_SEQ_CST); }

void standin_count(struct stream *s, int *counter) {
    pthread_mutex_lock(&lock);
    if (lies(counter, 4, HOST, "a count")) push(s, (struct op){run_count, counter, NULL, 0, 0, 0, NULL});
    pthread_mutex_unlock(&lock);
}

static int held;

static void run_hold(struct op *op) {
    (void)op;
    while (held) pthread_cond_wait(&changed, &lock);
}

/* The stream stands still until it is let go. */
void standin_hold(struct stream *s) {
    pthread_mutex_lock(&lock);
    held = 1;
    push(s, (struct op){run_hold, NULL, NULL, 0, 0, 0, NULL});
    pthread_mutex_unlock(&lock);
}

void standin_let_go(void) {
    pthread_mutex_lock(&lock);
    held = 0;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}
