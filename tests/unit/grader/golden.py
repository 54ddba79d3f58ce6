"""A log and its workload written by hand, with every balance computed on paper.

alice: +1000.00; BUY 5 ABC at 10.00 -50.00, cancelled +50.00; reserves 101.00 for a trigger, which buys 10 ABC at 10.00 and gives
1.00 back; BUY 2 ABC -20.00, which expires +20.00. Cash 1000.00 - 101.00 + 1.00 = 900.00, and 10 ABC.
bob: +500.00; BUY 10 ABC -100.00, committed; SELL 3 ABC +30.00; a sell trigger holds 40.00 // 20.00 = 2 of his 7 ABC.
Cash 500.00 - 100.00 + 30.00 = 430.00, 5 ABC free and 2 reserved.
"""

WORKLOAD = """\
[1] ADD,alice,1000.00
[2] ADD,bob,500.00
[3] QUOTE,alice,abc
[4] BUY,bob,ABC,105.00
[5] COMMIT_BUY,bob
[6] BUY,alice,ABC,55.00
[7] CANCEL_BUY,alice
[8] COMMIT_BUY,alice
[9] SET_BUY_AMOUNT,alice,ABC,101.00
[10] SET_BUY_TRIGGER,alice,ABC,12.00
[11] SELL,bob,ABC,30.00
[12] COMMIT_SELL,bob
[13] SET_SELL_AMOUNT,bob,ABC,40.00
[14] SET_SELL_TRIGGER,bob,ABC,20.00
[15] BUY,bob,XYZ,10.00
[16] BUY,alice,ABC,2000.00
[17] BUY,alice,ABC,20.00
[18] COMMIT_BUY,alice
[19] DUMPLOG,./testLOG
"""

LOG = """\
<?xml version="1.0"?>
<log>
<userCommand><timestamp>1795000000000</timestamp><server>t0</server><transactionNum>1</transactionNum><command>ADD</command><username>alice</username><funds>1000.00</funds></userCommand>
<accountTransaction><timestamp>1795000000000</timestamp><server>t0</server><transactionNum>1</transactionNum><action>add</action><username>alice</username><funds>1000.00</funds></accountTransaction>
<userCommand><timestamp>1795000000000</timestamp><server>t1</server><transactionNum>2</transactionNum><command>ADD</command><username>bob</username><funds>500.00</funds></userCommand>
<accountTransaction><timestamp>1795000000000</timestamp><server>t1</server><transactionNum>2</transactionNum><action>add</action><username>bob</username><funds>500.00</funds></accountTransaction>
<quoteServer><timestamp>1795000000020</timestamp><server>t0</server><transactionNum>3</transactionNum><price>10.00</price><stockSymbol>ABC</stockSymbol><username>alice</username><quoteServerTime>1795000000019</quoteServerTime><cryptokey>k1</cryptokey></quoteServer>
<userCommand><timestamp>1795000000020</timestamp><server>t0</server><transactionNum>3</transactionNum><command>QUOTE</command><username>alice</username><stockSymbol>ABC</stockSymbol></userCommand>
<userCommand><timestamp>1795000000021</timestamp><server>t1</server><transactionNum>4</transactionNum><command>BUY</command><username>bob</username><stockSymbol>ABC</stockSymbol><funds>105.00</funds></userCommand>
<systemEvent><timestamp>1795000000021</timestamp><server>t1</server><transactionNum>4</transactionNum><command>BUY</command><username>bob</username><stockSymbol>ABC</stockSymbol><funds>10.00</funds></systemEvent>
<accountTransaction><timestamp>1795000000021</timestamp><server>t1</server><transactionNum>4</transactionNum><action>remove</action><username>bob</username><funds>100.00</funds></accountTransaction>
<userCommand><timestamp>1795000000030</timestamp><server>t1</server><transactionNum>5</transactionNum><command>COMMIT_BUY</command><username>bob</username></userCommand>
<userCommand><timestamp>1795000000040</timestamp><server>t0</server><transactionNum>6</transactionNum><command>BUY</command><username>alice</username><stockSymbol>ABC</stockSymbol><funds>55.00</funds></userCommand>
<systemEvent><timestamp>1795000000040</timestamp><server>t0</server><transactionNum>6</transactionNum><command>BUY</command><username>alice</username><stockSymbol>ABC</stockSymbol><funds>10.00</funds></systemEvent>
<accountTransaction><timestamp>1795000000040</timestamp><server>t0</server><transactionNum>6</transactionNum><action>remove</action><username>alice</username><funds>50.00</funds></accountTransaction>
<userCommand><timestamp>1795000000040</timestamp><server>t0</server><transactionNum>7</transactionNum><command>CANCEL_BUY</command><username>alice</username></userCommand>
<accountTransaction><timestamp>1795000000040</timestamp><server>t0</server><transactionNum>7</transactionNum><action>add</action><username>alice</username><funds>50.00</funds></accountTransaction>
<userCommand><timestamp>1795000000050</timestamp><server>t0</server><transactionNum>8</transactionNum><command>COMMIT_BUY</command><username>alice</username></userCommand>
<errorEvent><timestamp>1795000000050</timestamp><server>t0</server><transactionNum>8</transactionNum><command>COMMIT_BUY</command><username>alice</username><errorMessage>NOTHING_PENDING: no BUY is pending</errorMessage></errorEvent>
<userCommand><timestamp>1795000000060</timestamp><server>t0</server><transactionNum>9</transactionNum><command>SET_BUY_AMOUNT</command><username>alice</username><stockSymbol>ABC</stockSymbol><funds>101.00</funds></userCommand>
<accountTransaction><timestamp>1795000000060</timestamp><server>t0</server><transactionNum>9</transactionNum><action>remove</action><username>alice</username><funds>101.00</funds></accountTransaction>
<userCommand><timestamp>1795000000070</timestamp><server>t0</server><transactionNum>10</transactionNum><command>SET_BUY_TRIGGER</command><username>alice</username><stockSymbol>ABC</stockSymbol><funds>12.00</funds></userCommand>
<systemEvent><timestamp>1795000000300</timestamp><server>trigger</server><transactionNum>10</transactionNum><command>SET_BUY_TRIGGER</command><username>alice</username><stockSymbol>ABC</stockSymbol><funds>10.00</funds></systemEvent>
<accountTransaction><timestamp>1795000000300</timestamp><server>trigger</server><transactionNum>10</transactionNum><action>add</action><username>alice</username><funds>1.00</funds></accountTransaction>
<userCommand><timestamp>1795000000310</timestamp><server>t1</server><transactionNum>11</transactionNum><command>SELL</command><username>bob</username><stockSymbol>ABC</stockSymbol><funds>30.00</funds></userCommand>
<systemEvent><timestamp>1795000000310</timestamp><server>t1</server><transactionNum>11</transactionNum><command>SELL</command><username>bob</username><stockSymbol>ABC</stockSymbol><funds>10.00</funds></systemEvent>
<userCommand><timestamp>1795000000320</timestamp><server>t1</server><transactionNum>12</transactionNum><command>COMMIT_SELL</command><username>bob</username></userCommand>
<accountTransaction><timestamp>1795000000320</timestamp><server>t1</server><transactionNum>12</transactionNum><action>add</action><username>bob</username><funds>30.00</funds></accountTransaction>
<userCommand><timestamp>1795000000330</timestamp><server>t1</server><transactionNum>13</transactionNum><command>SET_SELL_AMOUNT</command><username>bob</username><stockSymbol>ABC</stockSymbol><funds>40.00</funds></userCommand>
<userCommand><timestamp>1795000000340</timestamp><server>t1</server><transactionNum>14</transactionNum><command>SET_SELL_TRIGGER</command><username>bob</username><stockSymbol>ABC</stockSymbol><funds>20.00</funds></userCommand>
<quoteServer><timestamp>1795000000400</timestamp><server>t1</server><transactionNum>15</transactionNum><price>25.00</price><stockSymbol>XYZ</stockSymbol><username>bob</username><quoteServerTime>1795000000395</quoteServerTime><cryptokey>k2</cryptokey></quoteServer>
<userCommand><timestamp>1795000000401</timestamp><server>t1</server><transactionNum>15</transactionNum><command>BUY</command><username>bob</username><stockSymbol>XYZ</stockSymbol><funds>10.00</funds></userCommand>
<errorEvent><timestamp>1795000000401</timestamp><server>t1</server><transactionNum>15</transactionNum><command>BUY</command><username>bob</username><stockSymbol>XYZ</stockSymbol><funds>10.00</funds><errorMessage>TOO_SMALL: buys no whole share</errorMessage></errorEvent>
<userCommand><timestamp>1795000000410</timestamp><server>t0</server><transactionNum>16</transactionNum><command>BUY</command><username>alice</username><stockSymbol>ABC</stockSymbol><funds>2000.00</funds></userCommand>
<errorEvent><timestamp>1795000000410</timestamp><server>t0</server><transactionNum>16</transactionNum><command>BUY</command><username>alice</username><stockSymbol>ABC</stockSymbol><funds>2000.00</funds><errorMessage>INSUFFICIENT_FUNDS: not so much cash</errorMessage></errorEvent>
<userCommand><timestamp>1795000000420</timestamp><server>t0</server><transactionNum>17</transactionNum><command>BUY</command><username>alice</username><stockSymbol>ABC</stockSymbol><funds>20.00</funds></userCommand>
<systemEvent><timestamp>1795000000420</timestamp><server>t0</server><transactionNum>17</transactionNum><command>BUY</command><username>alice</username><stockSymbol>ABC</stockSymbol><funds>10.00</funds></systemEvent>
<accountTransaction><timestamp>1795000000420</timestamp><server>t0</server><transactionNum>17</transactionNum><action>remove</action><username>alice</username><funds>20.00</funds></accountTransaction>
<systemEvent><timestamp>1795000060500</timestamp><server>t0</server><transactionNum>17</transactionNum><command>CANCEL_BUY</command><username>alice</username><stockSymbol>ABC</stockSymbol></systemEvent>
<accountTransaction><timestamp>1795000060500</timestamp><server>t0</server><transactionNum>17</transactionNum><action>add</action><username>alice</username><funds>20.00</funds></accountTransaction>
<userCommand><timestamp>1795000062000</timestamp><server>t0</server><transactionNum>18</transactionNum><command>COMMIT_BUY</command><username>alice</username></userCommand>
<errorEvent><timestamp>1795000062000</timestamp><server>t0</server><transactionNum>18</transactionNum><command>COMMIT_BUY</command><username>alice</username><errorMessage>EXPIRED: the last BUY has expired</errorMessage></errorEvent>
<userCommand><timestamp>1795000062010</timestamp><server>t0</server><transactionNum>19</transactionNum><command>DUMPLOG</command><filename>testLOG</filename></userCommand>
</log>
"""  # noqa: E501
