using System.Text.Json;

namespace Lean.Aot.Tests;

/// <summary>Chats with the demo model.</summary>
public sealed class ChatTests
{
    private const string Question = "Who is there?";
    private const string Answer = "Thanks, gentle Somerset; sweet Oxford, thanks.";
    private const int EndOfTurn = 2043;

    [Fact]
    public void The_demo_answers_and_stops_at_the_end_of_its_turn()
    {
        Assert.Equal($"{Answer}\n", LeanRun.Of("generate", "--chat", Question).Good().Output);
        JsonElement found = Assert.Single(LeanRun.Of("generate", "--chat", Question, "--json").Json());
        Assert.Equal(Answer, found.GetProperty("text").GetString());
        Assert.Equal("stop", found.GetProperty("finish_reason").GetString());
        Assert.Equal(EndOfTurn, LeanRun.Ids(found.GetProperty("output_ids"))[^1]);
    }

    [Fact]
    public void The_prompt_is_what_render_prints()
    {
        using var folder = new TemporaryFolder();
        const string Variables = """{"messages":[{"role":"system","content":"Speak."},{"role":"user","content":"Who is there?"}],"add_generation_prompt":true}""";
        string prompt = LeanRun.Of("render", folder.Write("m.json", Variables)).Good().Output;
        int[] ids = LeanRun.Ids(Assert.Single(LeanRun.Of("tokenize", prompt).Json()));
        foreach (string[] arguments in new string[][] { ["--chat", Question, "--system", "Speak."], ["--prompts", folder.Write("p.jsonl", Variables)] })
        {
            JsonElement found = Assert.Single(LeanRun.Of(["generate", "--json", "--max-tokens", "1", .. arguments]).Json());
            Assert.Equal(ids, LeanRun.Ids(found.GetProperty("prompt_ids")));
        }
    }

    [Fact]
    public void Lines_of_a_file_may_be_chats()
    {
        using var folder = new TemporaryFolder();
        string lines = folder.Write("p.jsonl", "{\"messages\":[{\"role\":\"user\",\"content\":\"Who is there?\"}]}\n{\"prompt\":\"Who is there?\"}\n");
        string[] plain = Texts(LeanRun.Of("generate", "--prompts", lines)), chats = Texts(LeanRun.Of("generate", "--prompts", lines, "--chat"));
        Assert.Equal(Answer, plain[0]);
        Assert.NotEqual(Answer, plain[1]);
        Assert.Equal([Answer, Answer], chats);

        static string[] Texts(LeanRun run) => [.. run.Json().Select(static j => j.GetProperty("text").GetString()!)];
    }

    [Fact]
    public void Another_template_may_be_given()
    {
        using var folder = new TemporaryFolder();
        string template = folder.Write("t.jinja", "{{ messages[0].content }}{% if enable_thinking is false %}!{% endif %}");
        string plain = LeanRun.Of("generate", "ROMEO:", "--max-tokens", "8").Good().Output;
        Assert.Equal(plain, LeanRun.Of("generate", "--chat", "ROMEO:", "--template", template, "--max-tokens", "8").Good().Output);
        Assert.NotEqual(plain, LeanRun.Of("generate", "--chat", "ROMEO:", "--template", template, "--no-thinking", "--max-tokens", "8").Good().Output);
    }

    [Theory]
    [InlineData("--no-thinking", "a", "--chat", "enable_thinking")]
    [InlineData("--no-thinking", "a", "--json", "expected --chat")]
    [InlineData("a", "--system", "b", "expected --chat")]
    [InlineData("--chat", "--prompt-ids", "1", "exclude each other")]
    [InlineData("--chat", "--system", "b", "there is no prompt")]
    public void Options_that_go_against_each_other_are_refused(string first, string second, string third, string words) =>
        LeanRun.Of("generate", first, second, third).Fails(2, words);

    [Fact]
    public void On_a_terminal_a_chat_goes_on_until_the_user_leaves()
    {
        // script runs a command with a terminal of its own.
        LeanRun run = LeanRun.Shell("(echo 'Who is there?'; echo '/reset'; echo 'Who is there?'; echo '/exit') | /usr/bin/script -qec \"$0 generate\" /dev/null");
        Assert.Equal(0, run.ExitCode);
        Assert.Equal(2, run.Output.Split(Answer).Length - 1);
        Assert.Contains("/exit or Ctrl-D ends", run.Output, StringComparison.Ordinal);
    }
}
