"""The console: pages made on the server, on the API's own handlers, with a little JavaScript for what is live."""
