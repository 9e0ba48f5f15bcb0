using System.Text.Json;
using Lean.Engine.Chat;
using Lean.Engine.Chat.Jinja.Values;
using Lean.Tensors;

namespace Lean.Engine.Tests.Chat;

/// <summary>Where a template comes from, and what it is given.</summary>
public sealed class ChatTemplateTests : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("lean-chat-");

    public void Dispose() => _folder.Delete(recursive: true);

    [Fact]
    public void The_demo_has_a_template_in_its_tokenizer_config() =>
        Assert.Equal(
            "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
            ChatTemplate.FromFolder(TestData.Demo).Render(Variables("""{"messages":[{"role":"user","content":"hi"}],"add_generation_prompt":true}""")));

    [Fact]
    public void A_file_of_its_own_comes_before_the_tokenizer_config()
    {
        Write("tokenizer_config.json", """{"chat_template":"config"}""");
        Assert.Equal("config", Render("{}"));
        Write(ChatTemplate.FileName, "file\n");
        Assert.Equal("file", Render("{}"));
    }

    [Fact]
    public void With_several_templates_tools_choose()
    {
        Write("tokenizer_config.json", """{"chat_template":[{"name":"default","template":"plain"},{"name":"tool_use","template":"tools"},{"name":"rag","template":"rag"}]}""");
        Assert.Equal("plain", Render("{}"));
        Assert.Equal("plain", Render("""{"tools":null}"""));
        Assert.Equal("tools", Render("""{"tools":[]}"""));
        Write("tokenizer_config.json", """{"chat_template":[{"name":"rag","template":"rag"}]}""");
        Assert.Contains("named rag; expected one named default", Assert.Throws<InputException>(() => Render("{}")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Special_tokens_are_variables_unless_the_caller_has_them()
    {
        Write("tokenizer_config.json", """
            {"bos_token":"<s>","eos_token":{"content":"</s>","lstrip":false},"pad_token":null,"add_bos_token":true,"unk_token":5,
             "additional_special_tokens":["<a>",{"content":"<b>"}],"extra_special_tokens":{"image_token":"<img>","other":"x"}}
            """);
        Write(ChatTemplate.FileName, "{{ bos_token }}{{ eos_token }}{{ pad_token is defined }}{{ add_bos_token is defined }}{{ unk_token is defined }}{{ additional_special_tokens }}{{ image_token }}{{ other }}");
        Assert.Equal("<s></s>FalseFalseFalse['<a>', '<b>']<img>", Render("{}"));
        Assert.StartsWith("mine</s>", Render("""{"bos_token":"mine"}"""), StringComparison.Ordinal);
    }

    [Fact]
    public void A_template_of_the_users_sees_the_models_tokens_only_where_there_is_a_model()
    {
        Write("tokenizer_config.json", """{"bos_token":"<s>","chat_template":"config"}""");
        string file = Write("mine.jinja", "[{{ bos_token }}]");
        Assert.Equal("[<s>]", ChatTemplate.FromFile(file, _folder.FullName).Render(DictValue.Empty));
        Assert.Equal("[]", ChatTemplate.FromFile(file, folder: null).Render(DictValue.Empty));
    }

    [Theory]
    [InlineData(null, "has no chat template")]
    [InlineData("{}", "has no chat template")]
    [InlineData("""{"chat_template":null}""", "has no chat template")]
    [InlineData("""{"chat_template":[]}""", "has no chat template")]
    [InlineData("""{"chat_template":5}""", "chat_template: expected a template")]
    [InlineData("""{"chat_template":[5]}""", "chat_template[0]")]
    [InlineData("""{"chat_template":[{"name":"default"}]}""", "chat_template[0].template: expected a string, found nothing")]
    [InlineData("""{"chat_template":"\ud800"}""", "not valid Unicode")]
    [InlineData("""{"chat_template":"{{"}""", "chat_template, line 1: TemplateSyntaxError")]
    [InlineData("""{"chat_template":"x","bos_token":"\ud800"}""", "bos_token: holds a string that is not valid Unicode")]
    [InlineData("""{"chat_template":"x","\ud800":1}""", "not valid Unicode")]
    [InlineData("[]", "expected an object")]
    [InlineData("{", "not valid JSON at line 1")]
    public void A_folder_without_a_usable_template_is_refused(string? config, string words)
    {
        if (config is not null)
        {
            Write("tokenizer_config.json", config);
        }

        Assert.Contains(words, Assert.Throws<InputException>(() => Render("{}")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_template_file_is_checked()
    {
        Assert.Contains("does not exist", Fault("/nowhere.jinja"), StringComparison.Ordinal);
        Assert.Contains("is a folder", Fault(_folder.FullName), StringComparison.Ordinal);
        File.WriteAllBytes(Path.Combine(_folder.FullName, "bytes.jinja"), [0xff, 0xfe]);
        Assert.Contains("not valid UTF-8", Fault(Path.Combine(_folder.FullName, "bytes.jinja")), StringComparison.Ordinal);
        Assert.Contains("expected at most", Fault("/dev/zero"), StringComparison.Ordinal);

        static string Fault(string path) => Assert.Throws<InputException>(() => ChatTemplate.FromFile(path, folder: null)).Message;
    }

    [Fact]
    public void Numbers_and_names_of_json_are_those_of_python()
    {
        var variables = Variables("""{"v":{"i":12345678901234567890,"f":1.0,"e":1e3,"m":-0,"z":-0.0,"big":1e999,"n":null,"t":true,"a":1,"a":2,"é":"\u2028"}}""");
        Assert.Equal(
            """{"i": 12345678901234567890, "f": 1.0, "e": 1000.0, "m": 0, "z": -0.0, "big": Infinity, "n": null, "t": true, "a": 2, "é": " """.TrimEnd() + "\u2028\"}",
            Lean.Engine.Chat.Jinja.Template.Parse("{{ v|tojson }}", "t").Render(variables));
    }

    private static DictValue Variables(string json)
    {
        using JsonDocument document = JsonDocument.Parse(json);
        return (DictValue)JsonValues.Read("variables", document.RootElement)!;
    }

    private string Write(string name, string text)
    {
        string path = Path.Combine(_folder.FullName, name);
        File.WriteAllText(path, text);
        return path;
    }

    private string Render(string variables) => ChatTemplate.FromFolder(_folder.FullName).Render(Variables(variables));
}
