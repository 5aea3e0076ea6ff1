/* queue.c - events in order of time, and the seed's luck: see world.h. */
#include "config.h"

#include "tests/sim/world.h"

static bool is_earlier(const struct event *a, const struct event *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->order < b->order;
}

static void swap(struct heap *heap, size_t i, size_t j)
{
    struct event *event = heap->items[i];

    heap->items[i] = heap->items[j];
    heap->items[j] = event;
}

static void push(struct heap *heap, struct event *event)
{
    size_t i = heap->len;

    heap_push(heap, event);
    while (i > 0 && is_earlier(heap->items[i], heap->items[(i - 1) / 2])) {
        swap(heap, i, (i - 1) / 2);
        i = (i - 1) / 2;
    }
}

static struct event *pop(struct heap *heap)
{
    struct event *event = heap->items[0];
    size_t i = 0;

    heap->items[0] = heap->items[--heap->len];
    for (;;) {
        size_t least = i;

        for (size_t child = 2 * i + 1; child <= 2 * i + 2; child++)
            if (child < heap->len && is_earlier(heap->items[child], heap->items[least]))
                least = child;
        if (least == i)
            return event;
        swap(heap, i, least);
        i = least;
    }
}

/* ---- places ---------------------------------------------------------------------------------- */

static uint64_t life_of(const struct world *world, enum place place, int node)
{
    switch (place) {
    case IN_WORLD:
        return 0;
    case IN_HALD:
        return world->hosts[node].hald_up ? world->hosts[node].hald_life : 0;
    case IN_AGENT:
        return world->hosts[node].agent_up ? world->hosts[node].agent_life : 0;
    case IN_HOST:
        return world->hosts[node].up ? world->hosts[node].host_life : 0;
    case IN_CTL:
        return world->ctls[node].up ? world->ctls[node].life : 0;
    }
    return 0;
}

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

static int64_t hald_paused_until(const struct world *world, int host)
{
    return later(world->hosts[host].paused_until, world->hosts[host].hald_paused_until);
}

static int64_t ctl_paused_until(const struct world *world, int ctl)
{
    const struct controller *self = &world->ctls[ctl];

    return self->host == NOBODY ? self->paused_until : hald_paused_until(world, self->host);
}

static int64_t paused_until(const struct world *world, enum place place, int node)
{
    switch (place) {
    case IN_WORLD:
    case IN_HOST:
        return 0;
    case IN_HALD:
        return hald_paused_until(world, node);
    case IN_AGENT:
        return later(world->hosts[node].paused_until, world->hosts[node].agent_paused_until);
    case IN_CTL:
        return ctl_paused_until(world, node);
    }
    return 0;
}

static void drop(struct event *event)
{
    if (event->call)
        call_unref(event->call);
    g_free(event);
}

struct event *world_post(struct world *world, int64_t delay_ms, event_fn *run, enum place place,
                         int node)
{
    struct event *event = g_new0(struct event, 1);

    *event = (struct event){
        .at_ms = world->now + delay_ms,
        .order = ++world->n_events,
        .run = run,
        .place = place,
        .node = node,
        .life = life_of(world, place, node),
        .vm = NOBODY,
        .peer = NOBODY,
    };
    push(&world->heap, event);
    return event;
}

bool world_step(struct world *world, int64_t end_ms)
{
    struct event *event;

    if (world->heap.len == 0 || world->heap.items[0]->at_ms > end_ms) {
        world->now = end_ms;
        return false;
    }
    event = pop(&world->heap);
    world->now = event->at_ms;
    if (event->life != life_of(world, event->place, event->node)) {
        drop(event);
        return true;
    }
    if (paused_until(world, event->place, event->node) > world->now) {
        event->at_ms = paused_until(world, event->place, event->node);
        push(&world->heap, event); /* its order among its like is kept */
        return true;
    }
    event->run(world, event);
    drop(event);
    return true;
}

void world_drop_events(struct world *world)
{
    for (size_t i = 0; i < world->heap.len; i++)
        drop(world->heap.items[i]);
    heap_clear(&world->heap);
}

/* ---- luck ------------------------------------------------------------------------------------ */

bool world_chance(struct world *world, uint32_t per_mille)
{
    return world->now < world->calm_ms && rng_below(&world->rng, 1000) < per_mille;
}

int64_t world_between(struct world *world, int64_t low, int64_t high)
{
    return low + (int64_t)rng_below(&world->rng, (uint32_t)(high - low + 1));
}

int64_t world_way_ms(struct world *world)
{
    if (!world_chance(world, world->slow_pm))
        return world_between(world, 1, 15);
    return world_chance(world, 100) ? world_between(world, 4000, 25000)
                                    : world_between(world, 15, 4000);
}

uint64_t world_new_id(struct world *world)
{
    return ++world->n_ids;
}

void world_note(struct world *world, const char *format, ...)
{
    va_list args;

    if (!world->trace)
        return;
    g_string_append_printf(world->trace, "%8.3f  ", (double)world->now / 1000);
    va_start(args, format);
    g_string_append_vprintf(world->trace, format, args);
    va_end(args);
    g_string_append_c(world->trace, '\n');
}
