#include "sync/base/a.h"
#include "sync/a.h"
