#include "sync/a.h"
#include "schema/a.h"
#include <stdio.h>
