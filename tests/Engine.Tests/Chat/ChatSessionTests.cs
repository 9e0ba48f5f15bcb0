using Lean.Engine.Chat;
using Lean.Engine.Cli.Chat;
using Lean.Engine.Text;
using Lean.Tensors;

namespace Lean.Engine.Tests.Chat;

/// <summary>A chat on a terminal, with somebody else typing and answering.</summary>
public sealed class ChatSessionTests
{
    private static readonly Tokenizer s_tokenizer = Tokenizer.Load(TestData.Demo);

    [Fact]
    public void Every_answer_follows_all_that_was_said()
    {
        (List<string> prompts, _) = Talk("one\n\n  \ntwo\n", system: "S");
        Assert.Equal(
            [
                "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\none<|im_end|>\n<|im_start|>assistant\n",
                "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\none<|im_end|>\n<|im_start|>assistant\nanswer 1<|im_end|>\n<|im_start|>user\ntwo<|im_end|>\n<|im_start|>assistant\n",
            ],
            prompts);
    }

    [Fact]
    public void Reset_begins_anew_and_exit_ends()
    {
        (List<string> prompts, string shown) = Talk("one\n/reset\ntwo\n/exit\nthree\n");
        Assert.Equal(["<|im_start|>user\none<|im_end|>\n<|im_start|>assistant\n", "<|im_start|>user\ntwo<|im_end|>\n<|im_start|>assistant\n"], prompts);
        Assert.Equal(4, shown.Split('\n')[1].Split("> ").Length - 1);
    }

    [Fact]
    public void A_prompt_that_cannot_be_answered_is_taken_back()
    {
        (List<string> prompts, string shown) = Talk("one\nfail\ntwo\n");
        Assert.Contains("too long (/reset begins anew)", shown, StringComparison.Ordinal);
        Assert.DoesNotContain("fail", prompts[^1], StringComparison.Ordinal);
        Assert.Contains("one", prompts[^1], StringComparison.Ordinal);
    }

    [Fact]
    public void Thinking_can_only_be_left_out_where_the_template_knows_it()
    {
        var demo = new ChatPrompts(TestData.Demo, s_tokenizer) { NoThinking = true };
        Assert.Contains("--no-thinking has no effect", Assert.Throws<InputException>(demo.Begin).Message, StringComparison.Ordinal);
        var other = new ChatPrompts(TestData.Demo, s_tokenizer) { NoThinking = true, TemplateFile = TestData.Path("chat/qwen3.5.jinja") };
        Assert.EndsWith("<think>\n\n</think>\n\n", s_tokenizer.Decode(other.Encode("hi"), skipSpecial: false), StringComparison.Ordinal);
    }

    [Fact]
    public void The_variables_of_a_conversation_are_those_of_transformers()
    {
        var conversation = new Conversation(system: null);
        conversation.Add("user", "a");
        var template = Lean.Engine.Chat.Jinja.Template.Parse("{{ messages }}{{ tools }}{{ documents }}{{ add_generation_prompt }}{{ enable_thinking is defined }}", "t");
        Assert.Equal("[{'role': 'user', 'content': 'a'}]NoneNoneTrueFalse", template.Render(conversation.Variables()));
    }

    private static (List<string> Prompts, string Shown) Talk(string typed, string? system = null)
    {
        List<string> prompts = [];
        var shown = new StringWriter { NewLine = "\n" };
        var chat = new ChatPrompts(TestData.Demo, s_tokenizer) { System = system };
        new ChatSession(chat, new StringReader(typed), shown).Run(prompt =>
        {
            string text = s_tokenizer.Decode(prompt, skipSpecial: false);
            if (text.Contains("fail", StringComparison.Ordinal))
            {
                throw new InputException("too long");
            }

            prompts.Add(text);
            return $"answer {prompts.Count}";
        });
        return (prompts, shown.ToString());
    }
}
