// FIPS 180-4.  nginx may have been built without OpenSSL.

#include "zego_rooms.h"

#include <bit>
#include <stdint.h>
#include <string.h>

namespace {

constexpr uint32_t round[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1,
    0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3,
    0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786,
    0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13,
    0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85, 0xa2bfe8a1, 0xa81a664b,
    0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a,
    0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

void store(unsigned char *out, uint64_t word, size_t bytes)
{
    while (bytes-- > 0) {
        *out++ = static_cast<unsigned char>(word >> (8 * bytes));
    }
}

void block(uint32_t (&state)[8], const unsigned char *in)
{
    uint32_t w[64];

    for (unsigned i = 0; i < 16; i++, in += 4) {
        w[i] = uint32_t{in[0]} << 24 | uint32_t{in[1]} << 16 |
               uint32_t{in[2]} << 8 | in[3];
    }

    for (unsigned i = 16; i < 64; i++) {
        const uint32_t a = w[i - 15], b = w[i - 2];

        w[i] = w[i - 16] + w[i - 7] +
               (std::rotr(a, 7) ^ std::rotr(a, 18) ^ a >> 3) +
               (std::rotr(b, 17) ^ std::rotr(b, 19) ^ b >> 10);
    }

    auto [a, b, c, d, e, f, g, h] = state;

    for (unsigned i = 0; i < 64; i++) {
        const uint32_t t =
            h + (std::rotr(e, 6) ^ std::rotr(e, 11) ^ std::rotr(e, 25)) +
            ((e & f) ^ (~e & g)) + round[i] + w[i];
        const uint32_t u =
            (std::rotr(a, 2) ^ std::rotr(a, 13) ^ std::rotr(a, 22)) +
            ((a & b) ^ (a & c) ^ (b & c));

        h = g;
        g = f;
        f = e;
        e = d + t;
        d = c;
        c = b;
        b = a;
        a = t + u;
    }

    const uint32_t sum[8] = {a, b, c, d, e, f, g, h};

    for (unsigned i = 0; i < 8; i++) {
        state[i] += sum[i];
    }
}

} // namespace

void zego_sha256(const char *data, size_t len, unsigned char *digest) noexcept
{
    uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                         0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    const auto *in = reinterpret_cast<const unsigned char *>(data);
    const uint64_t bits = uint64_t{len} * 8;

    for (; len >= 64; in += 64, len -= 64) {
        block(state, in);
    }

    // the rest, a bit of 1, zeroes, and the length
    unsigned char last[128] = {};
    const size_t size = len < 56 ? 64 : 128;

    if (len) {
        memcpy(last, in, len);
    }

    last[len] = 0x80;
    store(last + size - 8, bits, 8);

    for (size_t i = 0; i < size; i += 64) {
        block(state, last + i);
    }

    for (const uint32_t word : state) {
        store(digest, word, 4);
        digest += 4;
    }
}
