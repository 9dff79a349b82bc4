"""What people do in the sample's videos, as text: 14 procedures in 5 scenarios, and what goes on beside them.

``grammar.py`` reads it. A block is::

    = procedure | scenario | EgoProceL task (or nothing)
    thread                      a functional thread; the lines under it are its steps, done in this order
    - flags step | actions      an action is verb/noun/complement, the complement may be missing

Flags of a step: ``?`` is left out at times, ``+`` may be done again, ``!`` waits for every step written above it
(steps of different threads are otherwise free to interleave). Objects are shared between procedures on purpose: a
knife is picked up for a pizza and for a cushion, and only the context tells which.
"""

PROCEDURES = """
= making a pizza | cooking | EGTEA/Pizza
preparing the dough
- mix the flour with water | pour/flour/into the bowl; pour/water/into the bowl; stir/flour/with a spoon; \
sprinkle/salt
- + knead the dough | knead/dough/with both hands; fold/dough; press/dough; sprinkle/flour/on the table
- roll out the dough | roll/dough/with a rolling pin; turn/dough; stretch/dough; place/dough/in the tray
preparing the topping
- wash the vegetables | rinse/tomato/under the tap; rinse/pepper/under the tap; shake/pepper; open/tap
- + slice the vegetables | cut/tomato/with a knife; cut/pepper/with a knife; scrape/chopping board; cut/onion
- ? grate the cheese | grate/cheese; unwrap/cheese; tap/grater; put/cheese/into the bowl
finishing the pizza
- ! spread the sauce on the dough | spread/sauce/with a spoon; scoop/sauce; open/jar; sprinkle/cheese
- ! bake the pizza | open/oven; slide/tray/into the oven; turn/knob; check/oven; close/oven

= making a turkey sandwich | cooking | EGTEA/TurkeySandwich
getting the filling ready
- + slice the tomato | cut/tomato/with a knife; rinse/tomato/under the tap; scrape/chopping board; wipe/knife
- tear the lettuce | tear/lettuce; rinse/lettuce; shake/lettuce; put/lettuce/on the plate
- ? cut the cheese | cut/cheese/with a knife; unwrap/cheese; fold/wrapper
getting the bread ready
- toast the bread | put/bread/in the toaster; press/lever; open/bag; cut/bread/with a knife
- spread the mayonnaise | open/jar; scoop/mayonnaise/with a knife; spread/mayonnaise/on the bread; close/jar
putting the sandwich together
- ! stack the turkey and the vegetables | put/turkey/on the bread; put/tomato/on the bread; put/cheese/on the bread; \
press/sandwich; cut/sandwich

= cooking a vegetable soup | cooking |
preparing the vegetables
- peel the carrots | peel/carrot/with a peeler; turn/carrot; shake/peeler; throw/peel/in the bin
- + chop the vegetables | cut/carrot/with a knife; cut/onion/with a knife; cut/potato; scrape/chopping board
- ? rinse the potatoes | rinse/potato/under the tap; open/tap; rub/potato; drain/water
cooking on the stove
- fry the onions | pour/oil/into the pot; put/onion/into the pot; stir/onion/with a spoon; turn/knob
- ! boil the soup | pour/water/into the pot; put/carrot/into the pot; cover/pot/with a lid; turn/knob
- + season the soup | sprinkle/salt; sprinkle/pepper; stir/soup/with a spoon; taste/soup
serving
- ! serve the soup | scoop/soup/with a ladle; pour/soup/into the bowl; cut/bread/with a knife; carry/bowl

= baking pancakes | cooking |
making the batter
- mix the batter | crack/egg/into the bowl; pour/milk/into the bowl; pour/flour/into the bowl; whisk/batter
- ? melt the butter | cut/butter/with a knife; put/butter/in the pan; turn/knob; tilt/pan
frying the pancakes
- heat the pan | turn/knob; pour/oil/into the pan; tilt/pan; touch/pan
- + fry a pancake | scoop/batter/with a ladle; pour/batter/into the pan; flip/pancake/with a spatula; tilt/pan
getting the fruit ready
- rinse the berries | rinse/berry/under the tap; drain/water; shake/colander; open/tap
- slice the banana | peel/banana; cut/banana/with a knife; scrape/chopping board; throw/peel/in the bin
serving
- ! serve the pancakes | slide/pancake/onto the plate; pour/syrup; put/berry/on the plate; carry/plate

= assembling a toy motorbike | workshop | MECCANO/MECCANO
reading the instructions
- + study the manual | turn/page; hold/manual; point at/manual; read/manual
building the frame
- join the frame bars | align/bar; push/screw/into the hole; tighten/screw/with a screwdriver; turn/nut
- attach the handlebar | align/handlebar; push/rod/through the hole; tighten/nut/with a wrench; rotate/handlebar
- ? fix the seat | align/seat; push/screw/into the hole; tighten/screw/with a screwdriver; press/seat
building the wheels
- fit the tyre on the rim | stretch/tyre; press/tyre/onto the rim; turn/wheel; align/rim
- mount the rear wheel | push/rod/through the wheel; tighten/nut/with a wrench; turn/wheel; align/wheel
- mount the front wheel | push/rod/through the wheel; turn/nut; align/fork; rotate/wheel
finishing the model
- ! attach the headlight | align/headlight; push/screw/into the hole; tighten/screw/with a screwdriver; \
press/headlight
- ! check the motorbike | rotate/motorbike; turn/wheel; push/motorbike/on the table; tighten/screw

= building a computer | workshop | PC assembly/pc_assembly
preparing the case
- open the case | loosen/screw/with a screwdriver; pull/panel; tilt/case; turn/case
- fix the power supply | push/power supply/into the case; tighten/screw/with a screwdriver; align/power supply; \
pull/cable
preparing the board
- insert the processor | open/lever; align/processor; press/processor; close/lever
- insert the memory | open/clip; align/memory/with the slot; press/memory; open/box
- ? mount the fan | align/fan; tighten/screw/with a screwdriver; spread/paste; plug/cable/into the board
closing the computer
- ! mount the board in the case | lower/board/into the case; align/board; tighten/screw/with a screwdriver; hold/board
- + connect the cables | plug/cable/into the board; pull/cable; tie/cable; bend/cable
- ! close the case | slide/panel; tighten/screw/with a screwdriver; turn/case; lift/case

= building a wooden shelf | workshop |
cutting the wood
- + mark the board | measure/board/with a tape measure; draw/line/with a pencil; align/ruler; turn/board
- + saw the board | saw/board; clamp/board/to the bench; blow/dust; lift/board
- sand the edges | rub/board/with sandpaper; turn/board; fold/sandpaper; wipe/board
joining the parts
- drill the holes | press/drill; insert/bit/into the drill; align/drill; blow/dust
- ! screw the parts together | push/screw/into the hole; tighten/screw/with a screwdriver; align/bar; clamp/board
- ? glue the joints | squeeze/glue; spread/glue/with a brush; press/board; wipe/glue
finishing
- ! paint the shelf | dip/brush; paint/board/with a brush; open/tin; stir/paint/with a stick

= repairing a bicycle | workshop |
repairing the tyre
- take off the wheel | loosen/nut/with a wrench; pull/wheel; lift/bicycle; turn/pedal
- pull out the tube | pull/tyre; insert/lever/under the tyre; pull/tube; press/valve
- patch the tube | rub/tube/with sandpaper; spread/glue; press/patch; cut/patch/with scissors
- ! put the wheel back | push/wheel/into the fork; tighten/nut/with a wrench; pump/tyre; turn/wheel
caring for the chain
- + clean the chain | wipe/chain/with a cloth; turn/pedal; dip/brush; rub/chain/with a brush
- oil the chain | shake/bottle; squeeze/oil/onto the chain; turn/pedal; wipe/chain
- ? adjust the brakes | pull/cable; tighten/screw/with a screwdriver; press/brake; turn/wheel

= doing the laundry | household |
washing the clothes
- sort the clothes | turn/shirt; throw/sock/into the basket; shake/trousers; separate/shirt
- load the machine | open/door; push/shirt/into the machine; pour/powder/into the drawer; press/button
- ! hang out the clothes | shake/shirt; hang/shirt/on the rack; clip/sock; stretch/trousers
ironing
- set up the ironing board | unfold/board; plug/iron/into the socket; pour/water/into the iron; turn/knob
- + iron the shirts | iron/shirt; turn/shirt; spread/sleeve; press/button
- + fold the clothes | fold/shirt; fold/trousers; stack/towel; roll/sock

= cleaning the bathroom | household |
cleaning the basin
- spray the basin | spray/basin; shake/bottle; open/bottle; rub/basin/with a sponge
- + scrub the basin | scrub/basin/with a brush; rinse/sponge/under the tap; squeeze/sponge; rub/tap
- polish the mirror | spray/mirror; wipe/mirror/with a cloth; fold/cloth; rub/mirror
cleaning the floor
- sweep the floor | sweep/floor/with a broom; scoop/dust/into the pan; move/mat; throw/dust/in the bin
- fill the bucket | pour/powder/into the bucket; open/tap; carry/bucket; stir/water
- ! + mop the floor | dip/mop; squeeze/mop; mop/floor; move/bucket
- ? empty the bin | tie/bag; pull/bag; open/bag; put/bag/in the bin

= potting plants | gardening |
preparing the pots
- wash the pots | scrub/pot/with a brush; rinse/pot/under the tap; shake/pot; turn/pot
- + fill the pots with soil | scoop/soil/with a trowel; pour/soil/into the pot; press/soil; tilt/bag
preparing the plants
- take out the plant | tap/pot; pull/plant; turn/pot; shake/plant
- + trim the roots | cut/root/with scissors; pull/root; shake/plant; turn/plant
finishing the plants
- ! + plant the plant in the pot | lower/plant/into the pot; press/soil; pour/soil/into the pot; turn/plant
- ! water the plants | pour/water/into the pot; lift/can; tilt/can; open/tap
- ? label the pots | write/label/with a pen; push/stick/into the soil; cut/label; wipe/pot

= planting a vegetable bed | gardening |
clearing the bed
- + pull out the weeds | pull/weed; throw/weed/into the bucket; shake/weed; dig/soil/with a trowel
- loosen the soil | dig/soil/with a spade; turn/soil; break/soil/with a rake; throw/stone/into the bucket
sowing
- ! draw the furrows | draw/line/with a stick; stretch/string; push/stick/into the soil; rake/soil
- + sow the seeds | open/bag; drop/seed/into the soil; cover/seed; press/soil
watering the bed
- fill the watering can | open/tap; lift/can; close/tap; carry/can
- ! + water the bed | tilt/can; pour/water/onto the soil; turn/can; pull/hose
- ? spread the mulch | scoop/mulch; throw/mulch/onto the soil; spread/mulch/with a rake; carry/bag

= sewing a cushion | crafts |
preparing the fabric
- + measure the fabric | stretch/fabric; measure/fabric/with a tape measure; draw/line/with a pencil; fold/fabric
- cut the fabric | cut/fabric/with scissors; turn/fabric; fold/fabric; pull/thread
- ? iron the fabric | iron/fabric; spread/fabric; turn/fabric; press/button
sewing
- thread the machine | pull/thread; push/thread/through the needle; turn/wheel; cut/thread/with scissors
- ! + sew the seams | push/fabric/under the needle; press/pedal; turn/fabric; pull/pin
filling the cushion
- ! stuff the cushion | push/wool/into the cushion; press/cushion; pull/wool; shake/cushion
- ! close the cushion | sew/cushion/with a needle; pull/thread; tie/knot; cut/thread/with scissors

= making a birthday card | crafts |
making the card
- fold the card | fold/card; press/card; align/ruler; turn/card
- + cut out the shapes | cut/paper/with scissors; turn/paper; draw/line/with a pencil; fold/paper
- ! glue the shapes on the card | squeeze/glue; spread/glue/with a brush; press/paper/onto the card; wipe/glue
decorating
- + paint the card | dip/brush; paint/card/with a brush; stir/paint/with a stick; rinse/brush
- ? tie the ribbon | cut/ribbon/with scissors; tie/ribbon; pull/ribbon; stretch/ribbon
- ! write the greeting | write/card/with a pen; open/pen; turn/card; blow/card
"""

# Beside the procedures, in any order and as often as it comes: ``= thread | scenarios`` with its steps.
BESIDE = """
= washing up | cooking
- wash the dishes | scrub/bowl/with a sponge; rinse/plate/under the tap; rinse/knife/under the tap; open/tap; \
squeeze/sponge
- dry the dishes | wipe/plate/with a cloth; wipe/bowl/with a cloth; stack/plate; fold/cloth

= tidying the kitchen | cooking
- wipe the table | wipe/table/with a cloth; move/bowl; rinse/cloth/under the tap; throw/wrapper/in the bin
- put the food away | open/fridge; put/cheese/in the fridge; close/fridge; close/jar; carry/bag

= looking for ingredients | cooking
- search the cupboard | open/cupboard; move/jar; close/cupboard; open/drawer; open/fridge

= tidying the bench | workshop crafts
- sort the parts | move/box; put/screw/into the box; stack/paper; wipe/table/with a cloth; separate/nut
- put the tools away | put/screwdriver/in the drawer; put/scissors/in the drawer; open/drawer; close/drawer

= looking for a tool | workshop crafts gardening
- search the box | open/box; move/screwdriver; move/brush; close/box; open/bag

= tidying the garden | gardening
- collect the rubbish | throw/stone/into the bucket; carry/bucket; sweep/floor/with a broom; tie/bag
- rinse the tools | rinse/trowel/under the tap; rub/trowel/with a brush; open/tap; shake/trowel

= tidying the room | household
- pick things up from the floor | move/basket; fold/towel; carry/basket; move/chair; close/door
- wipe the surfaces | wipe/table/with a cloth; move/bottle; rinse/cloth/under the tap; fold/cloth

= having a break | cooking workshop household gardening crafts
- use the phone | scroll/phone; hold/phone; look at/phone; press/phone; talk on/phone
- have a drink | drink/water; pour/water/into the glass; hold/glass; open/bottle; look around/room
"""
