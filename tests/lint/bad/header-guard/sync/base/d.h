/* As it should be. */
#ifndef TSUZUKI_SYNC_BASE_D_H
#define TSUZUKI_SYNC_BASE_D_H
#endif
