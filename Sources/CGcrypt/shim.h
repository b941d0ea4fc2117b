#ifndef SCP_CGCRYPT_H
#define SCP_CGCRYPT_H

#include <gcrypt.h>

#endif
