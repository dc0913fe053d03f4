#include "sync/a.h"
#include "near.h"
