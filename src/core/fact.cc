#include "fact.h"

namespace zego {

namespace {

RegisterFact register_fact(const Register &reg, const char *head, char *text)
{
    RegisterFact fact = {};
    fact.kind = reg.expiry.kind;
    fact.strings = text_read(reg.text, head, text);
    fact.seq = reg.seq;
    fact.time = reg.time;
    fact.code = reg.code;
    fact.closed = reg.closed;
    return fact;
}

} // namespace

Fact fact_of(std::uint32_t appid, std::string_view room_id,
             std::uint64_t session_id)
{
    Fact fact = {};
    fact.appid = appid;
    fact.room_id = room_id;
    fact.session_id = session_id;
    fact.first = ZEGO_TIME_UNKNOWN;
    fact.created = ZEGO_TIME_UNKNOWN;
    return fact;
}

Fact session_fact(const Session *session, char *text)
{
    Fact fact =
        fact_of(session->room->appid, room_id(session->room), session->id);
    fact.first = session->first;
    fact.created = session->created;
    fact.created_text = text_read(session->created_text, nullptr, text);
    fact.closed = session->closed;
    fact.closed_as = session->closed_as;
    fact.stream_seq_window = &session->stream_seq;
    fact.user_update_seq_window = &session->user_update_seq;
    return fact;
}

RegisterFact stream_fact(const Stream *stream, char *text)
{
    RegisterFact fact = register_fact(stream->reg, head_of(stream), text);
    fact.close_time = stream->close_time;
    return fact;
}

RegisterFact user_fact(const User *user, char *text)
{
    RegisterFact fact = register_fact(user->reg, head_of(user), text);
    fact.session_id = user->session_id;
    fact.login_time = user->login_time;
    fact.role = user->role;
    return fact;
}

Room *find_room(const zego_rooms_s *rooms, const Fact &fact)
{
    const TreeNode *node =
        tree_find(rooms->rooms, RoomKey{fact.appid, fact.room_id}, room_key);
    return node != nullptr ? room_at(node) : nullptr;
}

Session *find_session(const Room *room, const Fact &fact)
{
    const TreeNode *node =
        tree_find(room->sessions, fact.session_id, session_key);
    return node != nullptr ? session_at(node) : nullptr;
}

Register *find_register(const Session *session, const RegisterFact &fact)
{
    const std::string_view id = fact.strings[text_id];
    if (fact.kind == Kind::stream) {
        const TreeNode *node = tree_find(session->streams, id, stream_key);
        return node != nullptr ? &stream_at(node)->reg : nullptr;
    }
    const TreeNode *node =
        tree_find(session->users, UserKey{id, fact.session_id}, user_key);
    return node != nullptr ? &user_at(node)->reg : nullptr;
}

} // namespace zego
