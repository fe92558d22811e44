/** The text that the training panel starts with; written for this page. */
export const story = `A little llama lived on a green hill. The hill was high and the sky was wide.
Every morning the little llama woke up and looked at the sky. "Good morning, sky," said the little llama.
The sky said nothing, but the sun came up and made the hill warm.
One day the little llama saw a small bird in the grass. The bird was sad.
"Why are you sad?" asked the little llama.
"I can not find my nest," said the small bird. "The wind took it away."
"I will help you," said the little llama. "My eyes are good and my legs are long."
So the little llama walked up the hill and down the hill, and the small bird sat on her back.
They looked behind the big stone. There was no nest, but there was a red flower.
They looked under the old tree. There was no nest, but there was a round nut.
They looked near the cold river. There was no nest, but there was a kind frog.
"Have you seen a nest?" asked the little llama.
"I have seen a nest," said the kind frog. "The wind put it on the green hill, where the grass is long."
The little llama laughed. "That is my hill," she said. "We looked far away, and it was at home."
They walked back to the hill. There was the nest, in the long grass, next to the bed of the little llama.
The small bird was happy. "Thank you," said the small bird. "You are a good friend."
"You can stay on my hill," said the little llama. "Then we can say good morning to the sky together."
And every morning the little llama and the small bird woke up and looked at the sky.
"Good morning, sky," said the little llama. "Good morning, sky," said the small bird.
The sky said nothing, but the sun came up and made the hill warm.
In the winter the snow came. The hill was white and the river was hard.
The little llama was warm, for her wool was thick. The small bird was cold, for her feathers were thin.
"Come and sit in my wool," said the little llama. "It is warm here."
So the small bird sat in the wool of the little llama, and she was warm all winter.
In the spring the snow went away. The grass was green again, and the river sang a song.
The small bird made a new nest of soft wool, and she laid three small eggs.
The little llama looked at the eggs every day. "When will they open?" she asked.
"Soon," said the small bird. "We have to wait."
One morning the eggs opened, and there were three very small birds.
"Good morning," said the little llama. "This is the sky, and this is the hill, and I am your friend."
The three very small birds said nothing, but they opened their mouths, for they were hungry.
The little llama laughed, and the small bird laughed, and the sun came up and made the hill warm.
`
