#include "daemon/found.def"
