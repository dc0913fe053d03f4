/* Guarded by another name. */
#ifndef A_H
#define A_H
#endif
