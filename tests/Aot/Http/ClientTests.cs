using System.ClientModel;
using System.Text;
using System.Text.Json;
using OpenAI;
using OpenAI.Chat;
using OpenAI.Models;

namespace Lean.Aot.Tests.Http;

/// <summary>The official OpenAI client for .NET is at home with the published binary.</summary>
public sealed class ClientTests : IDisposable
{
    private const string Answer = "Thanks, gentle Somerset; sweet Oxford, thanks.";

    private readonly ServedBinary _server = ServedBinary.Start("--api-key", "secret");

    [Fact]
    public async Task It_chats_and_streams()
    {
        ChatClient chat = Client().GetChatClient("demo");
        ChatCompletion whole = await chat.CompleteChatAsync([new UserChatMessage("Who is there?")], new ChatCompletionOptions { Temperature = 0, IncludeLogProbabilities = true, TopLogProbabilityCount = 3 }, TestContext.Current.CancellationToken);
        Assert.Equal(Answer, whole.Content[0].Text);
        Assert.Equal(ChatFinishReason.Stop, whole.FinishReason);
        Assert.Equal((12, 19), (whole.Usage.InputTokenCount, whole.Usage.OutputTokenCount));
        Assert.Equal(19, whole.ContentTokenLogProbabilities.Count);
        Assert.All(whole.ContentTokenLogProbabilities, static t => Assert.Equal(3, t.TopLogProbabilities.Count));
        Assert.Equal(Answer, string.Concat(whole.ContentTokenLogProbabilities.SkipLast(1).Select(static t => t.Token)));

        var text = new StringBuilder();
        ChatFinishReason? finish = null;
        int tokens = 0;
        await foreach (StreamingChatCompletionUpdate update in chat.CompleteChatStreamingAsync([new UserChatMessage("Who is there?")], new ChatCompletionOptions { Temperature = 0 }, TestContext.Current.CancellationToken))
        {
            text.Append(string.Concat(update.ContentUpdate.Select(static c => c.Text)));
            finish ??= update.FinishReason;
            tokens = update.Usage?.OutputTokenCount ?? tokens;
        }

        Assert.Equal((Answer, ChatFinishReason.Stop, 19), (text.ToString(), finish, tokens));
    }

    [Fact]
    public async Task Parameters_do_what_they_say()
    {
        ChatClient chat = Client().GetChatClient("demo");
        var options = new ChatCompletionOptions { Temperature = 0, MaxOutputTokenCount = 4 };
        ChatCompletion cut = await chat.CompleteChatAsync([new UserChatMessage("Who is there?")], options, TestContext.Current.CancellationToken);
        Assert.Equal(ChatFinishReason.Length, cut.FinishReason);
        Assert.StartsWith(cut.Content[0].Text, Answer, StringComparison.Ordinal);

        options = new ChatCompletionOptions { Temperature = 0, StopSequences = { "Oxford" } };
        ChatCompletion stopped = await chat.CompleteChatAsync([new UserChatMessage("Who is there?")], options, TestContext.Current.CancellationToken);
        Assert.Equal("Thanks, gentle Somerset; sweet ", stopped.Content[0].Text);
    }

    [Fact]
    public async Task Answers_are_what_a_schema_says()
    {
        var schema = BinaryData.FromString("""{"type": "object", "properties": {"name": {"enum": ["Romeo", "Juliet"]}, "alive": {"type": "boolean"}}, "required": ["name", "alive"], "additionalProperties": false}""");
        var options = new ChatCompletionOptions { Temperature = 0, ResponseFormat = ChatResponseFormat.CreateJsonSchemaFormat("person", schema, jsonSchemaIsStrict: true) };
        ChatCompletion answer = await Client().GetChatClient("demo").CompleteChatAsync([new UserChatMessage("Who is there?")], options, TestContext.Current.CancellationToken);
        using var person = JsonDocument.Parse(answer.Content[0].Text);
        Assert.Contains(person.RootElement.GetProperty("name").GetString(), (string[])["Romeo", "Juliet"]);
    }

    [Fact]
    public async Task Tools_are_called()
    {
        using var server = ServedBinary.Start("--template", Repository.Data("chat/qwen3.jinja"));
        ChatClient chat = new OpenAIClient(new ApiKeyCredential("none"), new OpenAIClientOptions { Endpoint = new Uri(server.Address, "v1") }).GetChatClient("demo");
        var tool = ChatTool.CreateFunctionTool("find", "Finds", BinaryData.FromString("""{"type": "object", "properties": {"name": {"enum": ["Romeo", "Juliet"]}}, "required": ["name"], "additionalProperties": false}"""));
        var options = new ChatCompletionOptions { Temperature = 0, Tools = { tool }, ToolChoice = ChatToolChoice.CreateRequiredChoice(), AllowParallelToolCalls = false };
        ChatCompletion answer = await chat.CompleteChatAsync([new UserChatMessage("Find Juliet")], options, TestContext.Current.CancellationToken);
        Assert.Equal(ChatFinishReason.ToolCalls, answer.FinishReason);
        ChatToolCall call = Assert.Single(answer.ToolCalls);
        Assert.Equal("find", call.FunctionName);
        using var arguments = JsonDocument.Parse(call.FunctionArguments);
        Assert.Contains(arguments.RootElement.GetProperty("name").GetString(), (string[])["Romeo", "Juliet"]);

        var streamed = new StringBuilder();
        await foreach (StreamingChatCompletionUpdate update in chat.CompleteChatStreamingAsync([new UserChatMessage("Find Juliet")], options, TestContext.Current.CancellationToken))
        {
            streamed.Append(string.Concat(update.ToolCallUpdates.Select(static u => u.FunctionArgumentsUpdate.ToString())));
        }

        Assert.Equal(call.FunctionArguments.ToString(), streamed.ToString());

        // The answer of the tool goes back, and the template has a place for it.
        ChatCompletion after = await chat.CompleteChatAsync(
            [new UserChatMessage("Find Juliet"), new AssistantChatMessage(answer), new ToolChatMessage(call.Id, "gone")], new ChatCompletionOptions { MaxOutputTokenCount = 4 }, TestContext.Current.CancellationToken);
        Assert.InRange(after.Usage.OutputTokenCount, 1, 4);
    }

    [Fact]
    public async Task Errors_are_errors()
    {
        ClientResultException model = await Assert.ThrowsAsync<ClientResultException>(() => Client().GetChatClient("gpt-5").CompleteChatAsync([new UserChatMessage("Hi")], null, TestContext.Current.CancellationToken));
        Assert.Equal(404, model.Status);
        Assert.Contains("model_not_found", model.Message, StringComparison.Ordinal);
        ClientResultException value = await Assert.ThrowsAsync<ClientResultException>(
            () => Client().GetChatClient("demo").CompleteChatAsync([new UserChatMessage("Hi")], new ChatCompletionOptions { Temperature = -1 }, TestContext.Current.CancellationToken));
        Assert.Equal(400, value.Status);
        Assert.Contains("temperature", value.Message, StringComparison.Ordinal);
        ClientResultException key = await Assert.ThrowsAsync<ClientResultException>(() => Client("wrong").GetChatClient("demo").CompleteChatAsync([new UserChatMessage("Hi")], null, TestContext.Current.CancellationToken));
        Assert.Equal(401, key.Status);
    }

    [Fact]
    public async Task Models_are_listed()
    {
        ClientResult<OpenAIModelCollection> models = await Client().GetOpenAIModelClient().GetModelsAsync(TestContext.Current.CancellationToken);
        Assert.Equal("demo", Assert.Single(models.Value).Id);
    }

    public void Dispose() => _server.Dispose();

    private OpenAIClient Client(string key = "secret") => new(new ApiKeyCredential(key), new OpenAIClientOptions
    {
        Endpoint = new Uri(_server.Address, "v1"),
        RetryPolicy = new System.ClientModel.Primitives.ClientRetryPolicy(maxRetries: 0),
    });
}
