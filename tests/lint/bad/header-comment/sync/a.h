#ifndef TSUZUKI_SYNC_A_H
#define TSUZUKI_SYNC_A_H
#endif
