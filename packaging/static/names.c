// A static program takes names from files and from DNS, whatever nsswitch.conf says.
//
// glibc loads any other source that nsswitch.conf names (myhostname, resolve, mdns, sss) from a shared library of the
// machine, and a static program carries a glibc of its own: the two need not be of one version, and then it crashes. Files
// and DNS are in the program itself. This runs before `main`, and is linked into what `cargo x dist` ships.
#include <nss.h>

__attribute__((constructor)) static void names(void)
{
    __nss_configure_lookup("hosts", "files dns");
    __nss_configure_lookup("services", "files");
    __nss_configure_lookup("passwd", "files");
    __nss_configure_lookup("group", "files");
}
