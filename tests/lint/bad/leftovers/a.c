int a;
/* TODO: more */
/* FIXME */
/* toDo is a name, XXXL a size. */
