#include "sync/a.h"
#include "daemon/a.h"
#include <curl/curl.h>
