// hiredis, asynchronous: 0.14 (Debian 12) and 1.x.
#include <hiredis/hiredis.h>
#include <hiredis/async.h>
