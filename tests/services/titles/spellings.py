"""Addresses as hostile people write them, and what becomes of each in the world of world.py."""

TITLE, REFUSED = "public", "refused"
INSIDE = str.split("""
    http://127.0.0.1/ http://127.0.0.1:80/ http://127.1/ http://127.0.1/ http://2130706433/ http://0x7f000001/
    http://0x7f.1/ http://0177.0.0.1/ http://0x7f.0x0.0x0.0x1/ http://017700000001/ http://00000177.0.0.1/
    http://127.0.0.1./ http://127.255.255.254/ http://127.0.0.53/ http://0/ http://0.0.0.0/ http://0.1.2.3/
    http://localhost/ http://LOCALHOST/ http://localhost./ http://ip6-localhost/
    http://１２７.０.０.１/ http://127。0。0。1/ http://①②⑦.0.0.1/ http://ⓛocalhost/
    http://10.0.0.5/ http://10.5/ http://0xa000005/ http://172.16.0.1/ http://172.31.255.255/ http://192.168.1.1/
    http://100.64.0.9/ http://100.127.255.254/ http://169.254.169.254/latest/meta-data/ http://0xa9fea9fe/
    http://2852039166/ http://192.0.0.8/ http://192.0.2.1/ http://192.88.99.1/ http://198.18.0.1/
    http://198.51.100.7/ http://203.0.113.9/ http://224.0.0.1/ http://239.1.1.1/ http://240.0.0.1/
    http://255.255.255.255/
    http://[::1]/ http://[::]/ http://[0:0:0:0:0:0:0:1]/ http://[::127.0.0.1]/ http://[::7f00:1]/ http://[::1.2.3.4]/
    http://[::ffff:127.0.0.1]/ http://[::ffff:7f00:1]/ http://[::ffff:10.0.0.5]/ http://[::ffff:0:127.0.0.1]/
    http://[64:ff9b::7f00:1]/ http://[64:ff9b::10.0.0.5]/ http://[64:ff9b:1::7f00:1]/ http://[64:ff9b:1::102:304]/
    http://[2002:7f00:1::]/ http://[2002:a00:5::1]/ http://[2001:0:7f00:1::1]/ http://[2001:0:102:304::80ff:fffe]/
    http://[2600::5efe:10.0.0.5]/ http://[2600::200:5efe:7f00:1]/ http://[fe80::1]/ http://[fe80::5efe:102:304]/
    http://[fec0::1]/ http://[fd00::5]/ http://[fd00:ec2::254]/ http://[ff02::1]/ http://[ff0e::1]/
    http://[2001:db8::1]/ http://[2001:2::1]/ http://[3fff::1]/ http://[100::1]/ http://[5f00::1]/ http://[4000::1]/
    http://private.test/ http://PRIVATE.test./ http://six.private.test/ http://multi.test/ http://multi6.test/
    http://mapped.test/ http://nat64.test/ http://sixtofour.test/ http://cname.test/ http://metadata.test/
    https://127.0.0.1/ https://private.test/ http://private.test:443/
""")
MALFORMED = [
    "http://[fe80::1%25lo]/",
    "http://[fe80::1%lo]/",
    "http://[::1%251]/",
    "http://%31%32%37.0.0.1/",
    "http://127.0.0.1%00.public.test/",
    "http://127.0.0.1\\@public.test/",
    "http://public.test@127.0.0.1/",
    "http://user:word@public.test/",
    "http://public.test:80@127.0.0.1/",
    "http://127.0.0.1 .public.test/",
    "http://public.test\r\nHost: 127.0.0.1/",
    "http://public.test\t/",
    "http:/127.0.0.1/",
    "http:///127.0.0.1/",
    "http:127.0.0.1",
    "//127.0.0.1/",
    "http://",
    "http://.../",
    "http://a..b/",
    "http://[::1/",
    "http://[127.0.0.1]/",
    "http://[1.2.3.4]/",
    "http://[:::]/",
    "http://" + "a" * 64 + ".test/",
    "http://" + "a." * 127 + "test/",
    "http://public.test/" + "x" * 2048,
    "http://public.test:22/",
    "http://public.test:6379/",
    "http://public.test:0/",
    "http://public.test:99999/",
    "http://public.test:-80/",
    "http://public.test:8080/",
    "file:///etc/passwd",
    "ftp://public.test/",
    "gopher://127.0.0.1:6379/_FLUSHALL",
    "dict://127.0.0.1:6379/INFO",
    "unix:///run/docker.sock",
    "jar:http://127.0.0.1/!/",
    "data:text/html,<title>public</title>",
    "javascript:alert(1)",
    "http://nowhere.test/",
    "http://\ud800.test/",
    "",
]
OUTSIDE = str.split("""
    http://public.test/ http://PUBLIC.test/ http://public.test./ http://public.test http://public.test?q=1
    http://public.test#part http://public.test:80/ http://1.2.3.4/ http://16909060/ http://0x1.2.3.4/
    http://[2600::1]/ http://[::ffff:1.2.3.4]/ http://[64:ff9b::1.2.3.4]/ http://six.public.test/ http://bücher.test/
    http://xn--bcher-kva.test/ http://public.test/ä?ö=ü http://public.test/%0d%0aX:%20y http://both.test/
    http://under_score.test/ http://1.rebind.test/
""")
EXPECTED = {**dict.fromkeys([*INSIDE, *MALFORMED], REFUSED), **dict.fromkeys(OUTSIDE, TITLE)}
