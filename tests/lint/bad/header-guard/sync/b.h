/* Not guarded. */
int b_run(void);
