/*
 * Stands in for NCCL or, compiled with -DONECCL, for oneCCL, between threads of one process: data really moves. Every argument
 * is checked, as are the order of calls and the lives of communicators; sums of more than two ranks are added backwards, as a
 * library may. Ranks that differ wait for ever, as they would; only an abort lets them out.
 */
#include "device.h"
#include "library.h"

enum { MOST = 8, KIND_ALL_REDUCE = 1, KIND_ALL_GATHER, KIND_REDUCE_SCATTER, KIND_BROADCAST, KIND_EXCHANGE };

struct call { int kind, type, root; size_t count; const char *send; char *receive; };
struct message { const char *data; size_t bytes; int taken; struct message *next; };
struct world { int id, ranks, joined, arrived; unsigned round; struct call calls[MOST]; struct message *mail[MOST][MOST]; struct comm *members[MOST]; struct world *next; };
struct comm { struct world *world; int rank, device, state; struct comm *next; };
struct transfer { int is_send, peer, type; char *data; size_t count; struct comm *comm; };
struct batch { int count; struct transfer transfers[4 * MOST]; };

enum { LIVES, ABORTED, DESTROYED };

static struct world *worlds, *exchanges;
static struct comm *comms;
static int next_id, async_error, aborts;
static _Thread_local int depth;
#ifdef ONECCL
static _Thread_local int next_device = NONE;
#endif
static _Thread_local struct batch batch;
static _Thread_local void *batch_stream;

/* --- for the test --- */
const char *standin_report(void) {
    static char copy[sizeof report];
    pthread_mutex_lock(&lock);
    for (struct comm *c = comms; c; c = c->next)
        if (c->state == LIVES) wrong("rank %d of a communicator was neither destroyed nor aborted", c->rank);
    for (struct block *b = blocks; b; b = b->next) wrong("%zu bytes of device %d were not freed", b->bytes, b->device);
    memcpy(copy, report, length + 1);
    report[length = 0] = '\0';
    comms = NULL, blocks = NULL;
    pthread_mutex_unlock(&lock);
    return copy;
}

void standin_fault(int code) { async_error = code; }
int standin_aborts(void) { return __atomic_exchange_n(&aborts, 0, __ATOMIC_SEQ_CST); }

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

/* --- the exchange that devices may have of their own: in the order of ranks, and it counts before it waits --- */
static struct world *named(struct world **list, int id, int ranks) {
    struct world *w = *list;
    while (w && w->id != id) w = w->next;
    if (!w) {
        w = calloc(1, sizeof *w);
        w->id = id, w->ranks = ranks, w->next = *list;
        *list = w;
    }
    return w;
}

struct exchange { struct world *world; int rank; const int *ended; int *counter; };

static void run_exchange(struct op *op) {
    struct exchange *x = op->a;
    __atomic_fetch_add(x->counter, 1, __ATOMIC_SEQ_CST);
    if (*x->ended == LIVES) meet(x->world, x->rank, (struct call){KIND_EXCHANGE, 7, 0, op->count, op->b, op->b}, x->ended);
}

void standin_exchange(struct stream *s, int group, int ranks, int rank, void *data, size_t count, const int *ended, int *counter) {
    struct exchange *x = malloc(sizeof *x);
    pthread_mutex_lock(&lock);
    *x = (struct exchange){named(&exchanges, group, ranks), rank, ended, counter};
    if (lies(data, count * 4, s->device, "an exchange")) push(s, (struct op){run_exchange, x, data, 0, count, 0, NULL});
    pthread_mutex_unlock(&lock);
}

void standin_wake(void) {
    pthread_mutex_lock(&lock);
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* --- the library --- */
int NAME(GetVersion)(int *version) {
#ifdef ONECCL
    *version = 220001;
#else
    *version = 22809;
#endif
    return 0;
}

int NAME(GetUniqueId)(id_t_ *id) {
    pthread_mutex_lock(&lock);
    memset(id, 0x5a, sizeof *id);
    int number = ++next_id;
    memcpy(id->bytes + ID_BYTES - sizeof number, &number, sizeof number);
    pthread_mutex_unlock(&lock);
    return 0;
}

int NAME(CommInitRank)(void **comm, count_t ranks, id_t_ id, int rank) {
    int number, device = current;
    memcpy(&number, id.bytes + ID_BYTES - sizeof number, sizeof number);
    pthread_mutex_lock(&lock);
#ifdef ONECCL
    if (next_device == NONE) wrong("onecclSetDevice was not called before");
    device = next_device;
#endif
    int code = depth ? wrong("a communicator is made within a group")
        : id.bytes[0] != 0x5a || number < 1 || number > next_id ? wrong("an id that was not given out")
        : ranks < 2 || ranks > MOST || rank < 0 || rank >= (int)ranks ? wrong("rank %d of %d", rank, (int)ranks)
        : device < 0 ? wrong("no device is current") : 0;
    if (!code) {
        struct world *w = named(&worlds, number, (int)ranks);
        struct comm *c = calloc(1, sizeof *c);
        *c = (struct comm){w, rank, device, LIVES, comms};
        if (w->members[rank] || w->ranks != (int)ranks) wrong("rank %d of %d comes twice, or to another number of ranks", rank, (int)ranks);
        for (int r = 0; r < w->ranks; r++)
            if (w->members[r] && w->members[r]->device == device) wrong("ranks %d and %d share device %d", r, rank, device);
        w->members[rank] = c;
        *comm = comms = c;
        w->joined++;
        pthread_cond_broadcast(&changed);
        while (w->joined < w->ranks) pthread_cond_wait(&changed, &lock);
    }
    pthread_mutex_unlock(&lock);
    return code;
}

static struct comm *known(void *comm) {
    for (struct comm *c = comms; c; c = c->next)
        if (c == comm) return c;
    return NULL;
}

static int ends(void *comm, int state) {
    pthread_mutex_lock(&lock);
    struct comm *c = known(comm);
    int code = !c ? wrong("a communicator that is none") : c->state != LIVES ? wrong("a communicator is ended twice") : 0;
    if (!code) c->state = state;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return code;
}

#ifdef ONECCL
int onecclSetDevice(uint32_t device) { next_device = (int)device; return 0; }
#else
int ncclCommAbort(void *comm) {
    int code = ends(comm, ABORTED);
    __atomic_fetch_add(&aborts, 1, __ATOMIC_SEQ_CST);
    return code;
}
int ncclCommGetAsyncError(void *comm, int *state) {
    pthread_mutex_lock(&lock);
    struct comm *c = known(comm);
    int code = !c || c->state != LIVES ? wrong("a communicator that is ended is asked for errors") : 0;
    pthread_mutex_unlock(&lock);
    *state = async_error;
    return code;
}
#endif

int NAME(CommDestroy)(void *comm) { return ends(comm, DESTROYED); }
const char *NAME(GetErrorString)(int code) { return code == 5 ? "invalid usage" : "some error"; }
const char *NAME(GetLastError)(void *comm) { return comm ? "peer 1 went away" : ""; }

/* Queues, or without a stream does it at once. */
static void submit(void *stream, struct op op) {
    if (stream) push(stream, op);
    else op.run(&op);
}

static int place(struct comm *c) {
    (void)c;
#ifdef ONECCL
    return HOST;
#else
    return c->device;
#endif
}

static int fits(void *comm, void *stream, int type, const char *what) {
    struct comm *c = known(comm);
    if (!c) return !wrong("%s: a communicator that is none", what);
    if (c->state != LIVES) return !wrong("%s: a communicator that is ended", what);
    if (!size_of(type)) return 0;
#ifdef ONECCL
    if (stream) return !wrong("%s: a stream where there is no queue", what);
#else
    if (!stream || ((struct stream *)stream)->device != c->device) return !wrong("%s: a stream of another device", what);
#endif
    return 1;
}

static int call(struct call c, int op, void *comm, void *stream, const char *what) {
    pthread_mutex_lock(&lock);
    int code = 5;
    size_t size = size_of(c.type), ranks = known(comm) ? (size_t)known(comm)->world->ranks : 1;
    size_t sent = c.kind == KIND_REDUCE_SCATTER ? c.count * ranks : c.count, received = c.kind == KIND_ALL_GATHER ? c.count * ranks : c.count;
    if (depth) wrong("%s within a group of sends and receives", what);
    else if (op != 0) wrong("%s: operation %d, expected a sum", what, op);
    else if (fits(comm, stream, c.type, what) && lies(c.send, sent * size, place(comm), what) && lies(c.receive, received * size, place(comm), what)) {
        struct comm *self = comm;
        const char *own = c.kind == KIND_ALL_GATHER ? c.receive + self->rank * sent * size : c.receive;
        int apart = c.send + sent * size <= c.receive || c.receive + received * size <= c.send;
        if (c.root < 0 || c.root >= self->world->ranks) wrong("%s: root %d", what, c.root);
        else if (c.count == 0) wrong("%s of nothing", what);
        else if (!apart && c.send != own) wrong("%s: memory that overlaps", what);
        else {
            struct call *kept = malloc(sizeof *kept);
            *kept = c;
            submit(stream, (struct op){run_call, comm, kept, 0, 0, 0, NULL});
            code = 0;
        }
    }
    pthread_mutex_unlock(&lock);
    return code;
}

int NAME(AllReduce)(const void *send, void *receive, size_t count, int type, int op, void *comm, void *stream) {
    return call((struct call){KIND_ALL_REDUCE, type, 0, count, send, receive}, op, comm, stream, "AllReduce");
}
int NAME(AllGather)(const void *send, void *receive, size_t count, int type, void *comm, void *stream) {
    return call((struct call){KIND_ALL_GATHER, type, 0, count, send, receive}, 0, comm, stream, "AllGather");
}
int NAME(ReduceScatter)(const void *send, void *receive, size_t count, int type, int op, void *comm, void *stream) {
    return call((struct call){KIND_REDUCE_SCATTER, type, 0, count, send, receive}, op, comm, stream, "ReduceScatter");
}
int NAME(Broadcast)(const void *send, void *receive, size_t count, int type, int root, void *comm, void *stream) {
    return call((struct call){KIND_BROADCAST, type, root, count, send, receive}, 0, comm, stream, "Broadcast");
}

static int flush(void) {
    int code = 0;
    if (batch.count) {
        struct batch *kept = malloc(sizeof *kept);
        *kept = batch;
        for (int i = 0; i < batch.count; i++)
            for (int j = 0; j < batch.count; j++) {
                struct transfer *x = &batch.transfers[i], *y = &batch.transfers[j];
                if (i != j && !x->is_send && x->data < y->data + y->count * size_of(y->type) && y->data < x->data + x->count * size_of(x->type))
                    code = wrong("what is received overlaps something else of its group");
            }
        if (!code) submit(batch_stream, (struct op){run_batch, kept, NULL, 0, 0, 0, NULL});
        batch.count = 0;
    }
    return code;
}

static int transfer(struct transfer t, void *stream, const char *what) {
    pthread_mutex_lock(&lock);
    int code = 5;
    if (fits(t.comm, stream, t.type, what) && lies(t.data, t.count * size_of(t.type), place(t.comm), what)) {
        if (t.peer < 0 || t.peer >= t.comm->world->ranks || t.peer == t.comm->rank) wrong("%s: peer %d of rank %d", what, t.peer, t.comm->rank);
        else if (t.count == 0) wrong("%s of nothing", what);
        else if (batch.count && batch_stream != stream) wrong("%s: a group on two streams", what);
        else {
            batch_stream = stream;
            batch.transfers[batch.count++] = t;
            code = depth ? 0 : flush();
        }
    }
    pthread_mutex_unlock(&lock);
    return code;
}

int NAME(Send)(const void *data, size_t count, int type, int peer, void *comm, void *stream) {
    return transfer((struct transfer){1, peer, type, (char *)data, count, comm}, stream, "Send");
}
int NAME(Recv)(void *data, size_t count, int type, int peer, void *comm, void *stream) {
    return transfer((struct transfer){0, peer, type, data, count, comm}, stream, "Recv");
}
int NAME(GroupStart)(void) {
    depth++;
    return 0;
}
int NAME(GroupEnd)(void) {
    pthread_mutex_lock(&lock);
    int code = depth == 0 ? wrong("a group ends that did not begin") : --depth == 0 ? flush() : 0;
    pthread_mutex_unlock(&lock);
    return code;
}
