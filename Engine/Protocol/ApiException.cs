namespace Lean.Engine.Protocol;

/// <summary>What a client did wrong, or what the server cannot do now: becomes an error of OpenAI's shape.</summary>
#pragma warning disable CA1064 // Caught where the response is written; nobody outside this program ever sees it.
internal sealed class ApiException : Exception
#pragma warning restore CA1064
{
    private const int BadRequest = 400;

    /// <param name="status">The HTTP status.</param>
    /// <param name="message">One sentence for whoever wrote the client.</param>
    /// <param name="field">The field at fault, such as messages[0].role, or null.</param>
    /// <param name="code">OpenAI's word for the error, or null.</param>
    /// <param name="inner">What it comes from.</param>
    public ApiException(int status, string message, string? field = null, string? code = null, Exception? inner = null) : base(message, inner) =>
        (Status, Field, Code) = (status, field, code);

    /// <summary>The HTTP status.</summary>
    public int Status { get; }

    /// <summary>The field at fault, or null where it is none.</summary>
    public string? Field { get; }

    /// <summary>OpenAI's word for the error, or null.</summary>
    public string? Code { get; }

    /// <summary>When asking again may help, or null where it does not.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <summary>OpenAI's kind of error.</summary>
    public string Kind => Status switch
    {
        429 => "rate_limit_error",
        >= 500 => "server_error",
        _ => "invalid_request_error",
    };

    /// <summary>A field is wrong.</summary>
    public static ApiException Invalid(string field, string message, string? code = null) => new(BadRequest, message, field, code);
}
