# cmake -DIN=file -DOUT=file.c -DNAME=symbol -P embed.cmake: a file as a constant byte array with its length.
file(READ "${IN}" hex HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
file(WRITE "${OUT}" "/* Generated from a file of schema/ or clients/web/. */\n#include <stddef.h>\n"
  "extern const unsigned char ${NAME}[];\nextern const size_t ${NAME}_len;\n"
  "const unsigned char ${NAME}[] = {${bytes}0x00};\nconst size_t ${NAME}_len = sizeof ${NAME} - 1;\n")
