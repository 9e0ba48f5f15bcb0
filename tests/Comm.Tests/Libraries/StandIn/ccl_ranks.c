/*
 * Stands in for NCCL or, compiled with -DONECCL, for oneCCL, between threads of one process: data really moves. Every argument
 * is checked, as are the order of calls and the lives of communicators; sums of more than two ranks are added backwards, as a
 * library may. Ranks that differ wait for ever, as they would; only an abort lets them out.
 */
#include "library.h"
#include "meeting.h"

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
