// libcrypto: SHA-256 and a comparison in constant time.
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
