/* What b is for. */
#ifndef TSUZUKI_SYNC_B_H
#define TSUZUKI_SYNC_B_H
#endif
