# Turns each line of a text file into a C string literal, for #include as the value of a char array.
s/\\/\\\\/g
s/"/\\"/g
s/^/"/
s/$/\\n"/
