/* Guarded in part. */
#ifndef TSUZUKI_SYNC_C_H
#define TSUZUKI_SYNC_C_H
#endif
int c_run(void);
