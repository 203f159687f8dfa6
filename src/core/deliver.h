// What a backend was told of each room, stream and user, so that it is told
// what it has to know, once and in order.

#ifndef ZEGO_CORE_DELIVER_H
#define ZEGO_CORE_DELIVER_H

#include "fact.h"

namespace zego {

// Frees what was looked at last a horizon ago, in at most steps steps; what
// the backend has and the list has too stays.
void deliveries_expire(zego_rooms_s *rooms, const zego_env_t &env,
                       unsigned steps);

// Frees what was looked at first, to make room; false when there is nothing.
bool deliveries_evict(zego_rooms_s *rooms, const zego_env_t &env);

// What the backend has of what it is of is not known any more.
void deliveries_doubt(zego_rooms_s *rooms, const zego_env_t &env,
                      const Fact &fact);

// Tells one room_create of a session from another.
std::uint64_t created_change(const Session *session);

const char *deliveries_check(const zego_rooms_s *rooms);

} // namespace zego

#endif
