/*
 * Where ranks of a communicator meet, and how data moves between them: the work of a device's stream. Under the one lock of
 * device.h, which whoever waits gives up.
 */
#include "device.h"

enum { MOST = 8, KIND_ALL_REDUCE = 1, KIND_ALL_GATHER, KIND_REDUCE_SCATTER, KIND_BROADCAST, KIND_EXCHANGE };

struct call { int kind, type, root; size_t count; const char *send; char *receive; };
struct message { const char *data; size_t bytes; int taken; struct message *next; };
struct world { int id, ranks, joined, arrived; unsigned round; struct call calls[MOST]; struct message *mail[MOST][MOST]; struct comm *members[MOST]; struct world *next; };
struct comm { struct world *world; int rank, device, state; struct comm *next; };
struct transfer { int is_send, peer, type; char *data; size_t count; struct comm *comm; };
struct batch { int count; struct transfer transfers[4 * MOST]; };

enum { LIVES, ABORTED, DESTROYED };

/* --- types --- */
static size_t size_of(int type) {
    switch (type) {
        case 0: return 1;
        case 2: case 7: return 4;
        case 4: return 8;
        case 6: case 9: return 2;
        default: wrong("type %d, expected one that Lean has", type); return 0;
    }
}

static float from_bf16(uint16_t bits) {
    uint32_t wide = (uint32_t)bits << 16;
    float value;
    memcpy(&value, &wide, 4);
    return value;
}

static uint16_t to_bf16(float value) {
    uint32_t bits;
    memcpy(&bits, &value, 4);
    return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

static void add(int type, char *sum, const char *part, size_t count) {
    for (size_t i = 0; i < count; i++) switch (type) {
        case 0: sum[i] = (char)(sum[i] + part[i]); break;
        case 2: ((uint32_t *)sum)[i] += ((const uint32_t *)part)[i]; break;
        case 4: ((uint64_t *)sum)[i] += ((const uint64_t *)part)[i]; break;
        case 6: ((_Float16 *)sum)[i] = (_Float16)((float)((_Float16 *)sum)[i] + (float)((const _Float16 *)part)[i]); break;
        case 7: ((float *)sum)[i] += ((const float *)part)[i]; break;
        default: ((uint16_t *)sum)[i] = to_bf16(from_bf16(((uint16_t *)sum)[i]) + from_bf16(((const uint16_t *)part)[i]));
    }
}

/* --- collectives: the last rank to come does the work of all --- */
static char *sum_of(struct world *w, size_t offset, size_t count, int type, int forward) {
    size_t bytes = count * size_of(type);
    char *sum = malloc(bytes + 1);
    memcpy(sum, w->calls[forward ? 0 : w->ranks - 1].send + offset, bytes);
    for (int i = 1; i < w->ranks; i++) add(type, sum, w->calls[forward ? i : w->ranks - 1 - i].send + offset, count);
    return sum;
}

static void carry_out(struct world *w) {
    struct call *c = w->calls;
    size_t bytes = c->count * size_of(c->type);
    if (c->kind == KIND_ALL_REDUCE || c->kind == KIND_EXCHANGE) {
        char *sum = sum_of(w, 0, c->count, c->type, c->kind == KIND_EXCHANGE);
        for (int r = 0; r < w->ranks; r++) memcpy(c[r].receive, sum, bytes);
        free(sum);
    } else if (c->kind == KIND_REDUCE_SCATTER) {
        char *sums[MOST];
        for (int r = 0; r < w->ranks; r++) sums[r] = sum_of(w, r * bytes, c->count, c->type, 0);
        for (int r = 0; r < w->ranks; r++) {
            memcpy(c[r].receive, sums[r], bytes);
            free(sums[r]);
        }
    } else
        for (int to = 0; to < w->ranks; to++)
            for (int from = 0; from < w->ranks; from++) {
                if (c->kind == KIND_BROADCAST && from == c->root) memmove(c[to].receive, c[from].send, bytes);
                if (c->kind == KIND_ALL_GATHER) memmove(c[to].receive + from * bytes, c[from].send, bytes);
            }
}

static int same(const struct call *x, const struct call *y) { return x->kind == y->kind && x->count == y->count && x->type == y->type && x->root == y->root; }

static void meet(struct world *w, int rank, struct call call, const int *ended) {
    unsigned round = w->round;
    w->calls[rank] = call;
    w->arrived++;
    int fits = 1;
    if (w->arrived == w->ranks) {
        for (int r = 1; r < w->ranks; r++) fits &= same(&w->calls[0], &w->calls[r]);
        if (fits) {
            carry_out(w);
            w->arrived = 0;
            w->round++;
            pthread_cond_broadcast(&changed);
        }
    }
    while (w->round == round && *ended == LIVES) pthread_cond_wait(&changed, &lock);
    /* Who comes later finds nothing of a rank that was let out. */
    if (w->round == round) w->arrived--;
}

static void run_call(struct op *op) {
    struct comm *comm = op->a;
    if (comm->state == LIVES) meet(comm->world, comm->rank, *(struct call *)op->b, &comm->state);
}

/* --- sends and receives: in order between two ranks --- */
static void run_batch(struct op *op) {
    struct batch *b = op->a;
    struct message *sent[4 * MOST];
    for (int i = 0; i < b->count; i++) {
        struct transfer *t = &b->transfers[i];
        sent[i] = NULL;
        if (!t->is_send || t->comm->state != LIVES) continue;
        struct message *m = sent[i] = malloc(sizeof *m), **last = &t->comm->world->mail[t->comm->rank][t->peer];
        *m = (struct message){t->data, t->count * size_of(t->type), 0, NULL};
        while (*last) last = &(*last)->next;
        *last = m;
    }
    pthread_cond_broadcast(&changed);
    for (int i = 0; i < b->count; i++) {
        struct transfer *t = &b->transfers[i];
        if (t->is_send) continue;
        struct message **mail = &t->comm->world->mail[t->peer][t->comm->rank];
        while (!*mail && t->comm->state == LIVES) pthread_cond_wait(&changed, &lock);
        if (t->comm->state != LIVES) continue;
        struct message *m = *mail;
        *mail = m->next;
        if (m->bytes == t->count * size_of(t->type)) memcpy(t->data, m->data, m->bytes);
        else {
            wrong("rank %d receives %zu bytes of rank %d, which sends %zu", t->comm->rank, t->count * size_of(t->type), t->peer, m->bytes);
            while (t->comm->state == LIVES) pthread_cond_wait(&changed, &lock);
        }
        m->taken = 1;
        pthread_cond_broadcast(&changed);
    }
    for (int i = 0; i < b->count; i++) {
        struct transfer *t = &b->transfers[i];
        while (sent[i] && !sent[i]->taken && t->comm->state == LIVES) pthread_cond_wait(&changed, &lock);
        if (sent[i] && !sent[i]->taken) {
            struct message **place = &t->comm->world->mail[t->comm->rank][t->peer];
            while (*place && *place != sent[i]) place = &(*place)->next;
            if (*place) *place = sent[i]->next;
        }
    }
}
