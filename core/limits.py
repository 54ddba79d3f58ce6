"""Every named maximum of the system. What is held for others is bounded here, nowhere else."""

MAX_NUMBER = 2**53
"""Largest transaction number (commands.md: 1 to 2^53)."""

MAX_LINE_BYTES = 8 * 1024
"""Longest request line without its LF; a longer one is answered BAD_REQUEST and the connection closes."""

MAX_AMOUNT_CENTS = 10**13
"""Largest amount or trigger price."""

MAX_FRAME_BYTES = 16 * 1024 * 1024
"""Longest frame between two tiers; a longer one is a broken peer."""

MAX_WAITING_LINES_PER_CONNECTION = 32_768
"""Unanswered lines of one client connection before the load balancer stops reading from it."""

MAX_WAITING_BYTES_PER_CONNECTION = 8 * 1024 * 1024
"""Memory of the unanswered lines of one client connection before the load balancer stops reading from it."""

MAX_WAITING_BYTES = 256 * 1024 * 1024
"""Memory of all unanswered lines before the load balancer stops reading from its clients."""

LINE_OVERHEAD_BYTES = 128
"""What an unanswered line costs beside its own bytes (objects, a place in a table)."""

MAX_OUTPUT_BYTES_PER_CONNECTION = 8 * 1024 * 1024
"""Replies a client has not taken yet before the load balancer stops reading from it."""

MAX_OUTPUT_BYTES = 256 * 1024 * 1024
"""Replies that all clients together have not taken before the load balancer stops reading from each that owes a read."""

MAX_ROUTES_REMEMBERED = 100_000
"""Users whose web server the load balancer keeps in memory; a full table is emptied."""

MAX_CLOSED_SESSIONS_REMEMBERED = 10_000
"""Named sessions without an open connection whose highest number the load balancer keeps; the oldest leave first."""

MAX_CLIENT_CONNECTIONS = 20_000
"""Open client connections; later ones are closed at once."""

MAX_WAITING_REQUESTS_PER_SHARD = 100_000
"""Requests a web server holds for one transaction shard before it stops reading from load balancers."""

MAX_REQUESTS_PER_FRAME = 8_192
"""Requests that a web server puts into one frame to a transaction shard (each is under 1 kB, so the frame is half full)."""

MAX_WORDS_REMEMBERED = 100_000
"""Users, and symbols, that a web server keeps in memory as valid; a full table is emptied."""

MAX_BATCH_COMMANDS = 2_000
"""Commands decided and committed in one database transaction."""

MAX_CACHED_ACCOUNTS = 200_000
"""Accounts a transaction shard keeps in memory; the least recently used leave first."""

MAX_REMEMBERED_WORDS = 131_072
"""Words of 256 request numbers that a transaction shard remembers, of all its sessions together (some 150 bytes each); other
numbers are looked up in the database."""

MAX_SESSIONS_REMEMBERED = 10_000
"""Sessions a transaction shard remembers; the least recently used leave first."""

MAX_QUOTE_FETCHES = 1_024
"""Connections one process has open to the legacy quote server at the same time."""

QUOTE_LIFE_MS = 60_000
"""A quote may be used for this long from the quote server's own time stamp (quote-server.md)."""

PENDING_LIFE_MS = 60_000
"""A pending BUY or SELL may be committed for this long (commands.md)."""

QUOTE_LOCK_MS = 6_000
"""Life of the single-flight lock of a symbol whose fetcher died."""

QUOTE_ATTEMPT_TIMEOUT_MS = 5_500
"""One request to the legacy quote server: its slowest measured answer takes 4.03 s."""

QUOTE_DEADLINE_MS = 20_000
"""After this long without a price a command is refused with QUOTE_UNAVAILABLE."""

DOWN_DEADLINE_MS = 20_000
"""A request that could not be handed to a tier for this long is answered BUSY."""

PING_INTERVAL_MS = 200
"""How often the load balancer asks a web server whether it lives."""

PONG_DEADLINE_MS = 1_000
"""A web server that has not answered a ping for this long is dead to the load balancer."""

RECONNECT_MS = 50
"""Pause before the next attempt to reach a tier that is away."""

LINGER_MS = 1_000
"""How long a connection that broke the protocol is still read (and ignored), so that its last reply arrives."""

DRAIN_DEADLINE_MS = 5_000
"""A tier that was told to stop waits at most this long for the answers to what it has taken."""

HISTORY_LENGTH = 10
"""Newest commands that DISPLAY_SUMMARY shows."""

MAX_PENDINGS_SHOWN = 1_000
"""Pending buys, and pending sells, that DISPLAY_SUMMARY shows: the newest, and how many there are besides."""

MAX_CASH_CENTS = 4 * 10**18
"""An ADD or COMMIT_SELL that would lift an account's cash and reserve over this is refused (BAD_AMOUNT), and a sell trigger
does not fire: half of what a bigint holds, so that a reserve can always return."""

DATABASE_WAIT_MS = 5_000
"""A tier waits this long for a connection to the database before it says Unavailable."""

MAX_COST_CENTS = MAX_CASH_CENTS
"""What the shares of a holding cost is counted up to this, and no trade refused for the sake of that number. (The function that
fires triggers is given one limit for both.)"""

MAX_SHARES = 4 * 10**18
"""A COMMIT_BUY that would lift a holding over this is refused (BAD_AMOUNT), and a buy trigger does not fire; a bigint holds
twice as much."""

MAX_FIRES_FOUND = 10_000
"""Triggers whose price is reached that a trigger server takes up at once; the others come next."""

MAX_FIRES_PER_TRANSACTION = 128
"""Triggers fired in one database transaction, which is how long their accounts stay locked."""

MAX_QUOTE_REPLY_BYTES = 512
"""Longest line of the legacy quote server's protocol, in either direction."""

MAX_QUOTE_BATCH = 500
"""Symbols in one call to the cache, and hits in one database transaction."""

QUOTE_ASK_AGAIN_MS = 1_000
"""A symbol that another process is fetching is asked for again after this long, should its message have been lost."""

QUOTE_RENEW_MS = 100
"""How often a process renews the single-flight locks it holds."""

QUOTE_EMPTIED_PAUSE_MS = 400
"""After the cache lost its content nobody wins a lock for this long: the holders put theirs back first. Part of the second
in which a killed cache is of use again."""

VALKEY_RETRY_MS = 50
"""Between two attempts to reach the cache while it is away."""

QUOTE_STOP_MS = 5_000
"""At a clean stop, how long a process tries to record hits that it has already paid for."""

MAX_METRICS_BYTES = 4 * 1024 * 1024
"""Longest text of metrics that a reader takes from a tier."""

MAX_VIOLATIONS_PER_CHECK = 20
"""Sentences that one check of the database returns; the first say what is wrong."""

MAX_WEB_OUTSTANDING_LINES = 8_192
"""Unanswered lines of one connection of the web client to the load balancer; over that it answers BUSY."""

WEB_LINE_DEADLINE_MS = 25_000
"""The web client waits so long for a reply before it answers BUSY: longer than any tier takes to say BUSY itself."""

WEB_SESSION_IDLE_MS = 30 * 60_000
"""A session of the web client ends this long after its last request."""

WEB_SESSION_LIFE_MS = 12 * 3_600_000
"""A session of the web client ends this long after the log-in, whatever happens."""

WEB_SESSION_SEEN_MS = 60_000
"""How often a session's lasting copy is told that its user is still there."""

WEB_VALKEY_PAUSE_MS = 1_000
"""After the cache did not answer the web client, it is not asked for this long."""

WEB_VALKEY_TIMEOUT_MS = 1_000
"""The web client waits this long for an answer of the cache."""

WEB_DATABASE_CONNECTIONS = 8
"""Connections to the database of one worker of the web client."""

MAX_WEB_RATE = 1_000_000
"""Highest rate limit of the web client that a setting may ask for."""

MAX_WEB_BODY_BYTES = 64 * 1024
"""Longest body of a request to the web client."""

MIN_PASSWORD_CHARACTERS = 8
"""Shortest password (NIST SP 800-63B; ASVS 5.0, 6.2.1)."""

MAX_PASSWORD_CHARACTERS = 128
"""Longest password: long sentences are welcome, megabytes to be hashed are not."""

MAX_HASHES_AT_ONCE = 1
"""Passwords that one worker of the web client hashes at the same time (19 MiB and 20 ms of a processor each)."""

MAX_HASHES_WAITING = 100
"""Passwords that wait to be hashed in one worker; over that a log-in is answered UNAVAILABLE."""

MAX_HISTORY_PAGE = 200
"""Entries on one page of the web client's history."""

MAX_HISTORY_ROWS = 100_000
"""Entries in one file of history that the web client sends, the newest."""

MAX_WATCHED = 50
"""Stocks on one watch list of the web client."""

MAX_SYMBOLS_FOUND = 100
"""Stocks that one search of the web client finds."""

MAX_PRICES_SHOWN = 1_000
"""Recorded prices of one stock that the web client tells at once."""

LOCKOUT_MEMORY_MS = 3_600_000
"""Failed log-ins are remembered for this long after the last one."""

MAX_LOCKOUT_MS = 15 * 60_000
"""Longest wait after failed log-ins."""

WEB_IDLE_S = 75
"""The web client closes a connection that asks nothing for this long, or has not finished the head of a request."""

WEB_SOCKET_S = 30
"""The web client gives up on a peer that neither sends the rest of its request nor takes its answer for this long."""

MAX_STREAMS = 2_000
"""Open streams of events of one worker of the web client."""

MAX_STREAMS_PER_USER = 5
"""Open streams of events of one user in one worker of the web client."""

MAX_STREAM_BYTES = 128 * 1024
"""What may wait for the reader of a stream before it is hung up on."""

MAX_STREAM_SYMBOLS = 500
"""Stocks of one account whose quotes a stream tells, beside those of the watch list."""

MAX_EVENTS_A_LOOK = 200
"""Fires and expiries of one user that are read at once for streams; more come with the next look."""

STREAM_POLL_MS = 250
"""How often a worker of the web client looks for what its streams have to tell."""

STREAM_CHECK_MS = 2_000
"""How often it looks whether their sessions have ended, their readers gone, their watch lists changed."""

STREAM_HEARTBEAT_MS = 10_000
"""After so long without an event a stream sends a comment."""

MAX_WEB_VALKEY_WAITING = 10_000
"""Calls of one worker of the web client that wait for the cache."""

INITIAL_PASSWORD_MS = 24 * 3_600_000
"""A password that was made up for somebody's first log-in ends after this long, unless they changed it (ASVS 5.0, 6.4.1)."""

TIER_DEADLINE_MS = 500
"""A tier that has not shown its metrics to the web client within this time counts as down."""

TIERS_FRESH_MS = 1_000
"""How old what a supervisor sees of the tiers may be, so that each worker asks them at most so often."""

MAX_USERS_PAGE = 200
"""Users on one page of the supervisor's list."""

MAX_DUMPS_LISTED = 1_000
"""Audit logs in the supervisor's list: the newest."""
