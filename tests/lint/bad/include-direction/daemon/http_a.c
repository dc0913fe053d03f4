#include <libwebsockets.h>
#include "daemon/http.h"
