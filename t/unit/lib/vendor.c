
/*
 * The vendor's three flowcharts: one session of a room, the entries in it,
 * and a queue of what cannot be placed yet.  The queue is read again after
 * each create or login that was applied, in passes, until a pass applies
 * none; another reading gives other figures than zego-callbacks.md.
 */

#include "unit.h"


typedef enum {
    VENDOR_DROPPED = 0,
    VENDOR_QUEUED,
    VENDOR_REMOVED,
    VENDOR_APPLIED
} vendor_e;


static vendor_e vendor_apply(vendor_t *vendor, const zego_event_t *event);
static vendor_e vendor_room(vendor_t *vendor, const zego_event_t *event);
static const zego_event_t **vendor_find(vendor_t *vendor,
    const zego_event_t *event);


void
vendor_deliver(vendor_t *vendor, const zego_event_t *event)
{
    size_t               i, n;
    vendor_e             rc;
    unsigned             again;
    const zego_event_t  *queue[VENDOR_MAX];

    rc = vendor_apply(vendor, event);

    for (again = (rc == VENDOR_APPLIED); again; /* void */ ) {
        again = 0;
        n = vendor->nqueue;
        memcpy(queue, vendor->queue, sizeof(queue));
        vendor->nqueue = 0;

        for (i = 0; i < n; i++) {
            again |= vendor_apply(vendor, queue[i]) == VENDOR_APPLIED;
        }
    }
}


static vendor_e
vendor_queue(vendor_t *vendor, const zego_event_t *event)
{
    vendor->queue[vendor->nqueue++] = event;
    return VENDOR_QUEUED;
}


static vendor_e
vendor_apply(vendor_t *vendor, const zego_event_t *event)
{
    uint64_t              at;
    const zego_event_t  **local;

    if (event->type == ZEGO_ROOM_CREATE) {
        return vendor_room(vendor, event);
    }

    if (vendor->room == NULL) {
        return vendor_queue(vendor, event);
    }

    if (event->room_session_id != vendor->room->room_session_id) {
        at = event->type == ZEGO_STREAM_CLOSE ? event->close_time
                                              : event->time;
        return at >= vendor->room->time ? vendor_queue(vendor, event)
                                        : VENDOR_DROPPED;
    }

    if (event->type == ZEGO_ROOM_CLOSE) {
        vendor->room = NULL;
        vendor->nlisted = 0;
        return VENDOR_REMOVED;
    }

    local = vendor_find(vendor, event);

    switch (event->type) {

    case ZEGO_STREAM_CREATE:
        if (local && event->seq <= (*local)->seq) {
            return VENDOR_DROPPED;
        }
        break;

    case ZEGO_ROOM_LOGIN:
        if (local && event->login_time <= (*local)->login_time) {
            return VENDOR_DROPPED;
        }
        break;

    default: /* a stream's close, a logout */

        if (local == NULL) {
            return vendor_queue(vendor, event);
        }

        if (event->type == ZEGO_STREAM_CLOSE) {
            if (event->seq <= (*local)->seq) {
                return VENDOR_DROPPED;
            }

        } else if (event->user_session_id != (*local)->user_session_id) {
            return event->time > (*local)->login_time
                   ? vendor_queue(vendor, event) : VENDOR_DROPPED;
        }

        *local = vendor->listed[--vendor->nlisted];
        return VENDOR_REMOVED;
    }

    if (local == NULL) {
        local = &vendor->listed[vendor->nlisted++];
    }

    *local = event;
    return VENDOR_APPLIED;
}


static vendor_e
vendor_room(vendor_t *vendor, const zego_event_t *event)
{
    if (vendor->room) {
        if (event->time <= vendor->room->time) {
            return VENDOR_DROPPED;
        }

        if (event->room_session_id != vendor->room->room_session_id) {
            vendor->nlisted = 0;
        }
    }

    vendor->room = event;
    return VENDOR_APPLIED;
}


static const zego_event_t **
vendor_find(vendor_t *vendor, const zego_event_t *event)
{
    size_t               i;
    unsigned             user;
    const zego_str_t    *a, *b;
    const zego_event_t  *e;

    user = event->type >= ZEGO_ROOM_LOGIN;

    for (i = 0; i < vendor->nlisted; i++) {
        e = vendor->listed[i];

        if ((e->type == ZEGO_ROOM_LOGIN) != user) {
            continue;
        }

        a = user ? &e->user_id : &e->stream_id;
        b = user ? &event->user_id : &event->stream_id;

        if (a->len == b->len && memcmp(a->data, b->data, a->len) == 0) {
            return &vendor->listed[i];
        }
    }

    return NULL;
}


uint64_t
vendor_shown(const vendor_t *vendor, const zego_event_t *events)
{
    size_t    i;
    uint64_t  shown;

    shown = vendor->room ? (uint64_t) 1 << (vendor->room - events) : 0;

    for (i = 0; i < vendor->nlisted; i++) {
        shown |= (uint64_t) 1 << (vendor->listed[i] - events);
    }

    return shown;
}
