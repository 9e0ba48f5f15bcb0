#pragma warning disable OPENAI001 // The client calls this part of itself a preview; the API is not.
using System.ClientModel;
using System.Text;
using OpenAI;
using OpenAI.Responses;

namespace Lean.Aot.Tests.Http;

/// <summary>The official OpenAI client's responses.</summary>
public sealed class ResponsesTests : IDisposable
{
    private const string Answer = "Thanks, gentle Somerset; sweet Oxford, thanks.";

    private readonly ServedBinary _server = ServedBinary.Start();

    [Fact]
    public async Task It_responds_and_streams()
    {
        ResponsesClient client = new OpenAIClient(new ApiKeyCredential("none"), new OpenAIClientOptions { Endpoint = new Uri(_server.Address, "v1") }).GetResponsesClient();
        var options = new CreateResponseOptions("demo", [ResponseItem.CreateUserMessageItem("Who is there?")]) { Temperature = 0 };
        ResponseResult whole = await client.CreateResponseAsync(options, TestContext.Current.CancellationToken);
        Assert.Equal(Answer, whole.GetOutputText());
        Assert.Equal(ResponseStatus.Completed, whole.Status);
        Assert.Equal((12, 19), (whole.Usage.InputTokenCount, whole.Usage.OutputTokenCount));

        var text = new StringBuilder();
        ResponseResult? last = null;
        options.StreamingEnabled = true;
        await foreach (StreamingResponseUpdate update in await client.CreateResponseStreamingAsync(options, TestContext.Current.CancellationToken))
        {
            text.Append(update is StreamingResponseOutputTextDeltaUpdate delta ? delta.Delta : "");
            last = update is StreamingResponseCompletedUpdate completed ? completed.Response : last;
        }

        Assert.Equal(Answer, text.ToString());
        Assert.Equal(Answer, last!.GetOutputText());
    }

    public void Dispose() => _server.Dispose();
}
