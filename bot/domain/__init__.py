"""What Guichet talks about: frozen values, no I/O, nothing imported but the standard library."""
