# make listen            hears a WAV on standard input
# make listen-sanitized  the same under the address and undefined-behaviour sanitizers
# products and sums are rounded one by one, as in the simulator
EAR_FLAGS = $(CFLAGS) -ffp-contract=off
EAR = listen.c wav.c ear.c ear_resample.c ear_membrane.c ear_cells.c ear_tables.c
EAR_HEADERS = ear.h ear_tables.h wav.h

listen: $(EAR) $(EAR_HEADERS) $(PARTS) $(HEADERS)
	$(CC) $(EAR_FLAGS) -o $@ $(EAR) $(PARTS) -lm

listen-sanitized: $(EAR) $(EAR_HEADERS) $(PARTS) $(HEADERS)
	$(CC) $(EAR_FLAGS) -g -fsanitize=address,undefined -fno-sanitize-recover=all -o $@ $(EAR) $(PARTS) -lm
